"""Where sweeps run: the embedded cloud of a folder, or a deployed stack."""
