"""The embedded cloud: moto serving the synthesized template, with jobs and functions that truly run."""
