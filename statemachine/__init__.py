"""The state machine of a sweep, and its three Lambda functions."""
