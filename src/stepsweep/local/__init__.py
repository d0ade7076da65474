"""The embedded cloud: moto serves the synthesized template, and real processes run its jobs and functions."""
