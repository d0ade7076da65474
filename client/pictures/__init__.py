"""Figures for the report, notebooks and the terminal."""
