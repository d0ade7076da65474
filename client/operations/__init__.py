"""Run, start, watch and stop a sweep, or remove its records; functions that tell events and return values."""
