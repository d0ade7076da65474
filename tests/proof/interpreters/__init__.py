"""Interpreters of Amazon States Language that nobody here wrote, and the stories that each must tell alike."""
