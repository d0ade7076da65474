"""Functions that run, start, watch or stop a sweep, or remove its records. They report events and return values."""
