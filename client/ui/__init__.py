"""`sweep ui`: a page in the browser over all sweeps of a folder or of a deployed stack, live, on this machine only."""
