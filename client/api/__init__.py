"""The Python API: sweeps as objects, results as data frames and figures."""
