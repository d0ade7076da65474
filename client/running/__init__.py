"""Executions and jobs of one deployment that is up."""
