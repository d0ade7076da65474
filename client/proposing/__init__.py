"""Proposes a spec file for a script: `sweep init`."""
