"""Start and stop a sweep, or remove its records; functions that return values and show nothing."""
