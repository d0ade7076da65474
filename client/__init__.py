"""The client: the command line and the Python API."""
