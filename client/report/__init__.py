"""`sweep report`: one HTML file of a sweep, which needs no network."""
