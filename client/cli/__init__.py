"""The `sweep` command, built with click."""
