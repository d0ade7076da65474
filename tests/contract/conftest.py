"""Hypothesis for the whole room."""

from hypothesis import settings

# The same examples in every run: a change is judged by its own faults, on a machine as slow as it may be.
settings.register_profile("stepsweep", deadline=None, max_examples=50, derandomize=True, database=None)
settings.load_profile("stepsweep")
