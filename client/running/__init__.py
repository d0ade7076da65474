"""Executions and jobs of a running deployment."""
