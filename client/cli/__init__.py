"""The `sweep` command: click, and nothing else."""
