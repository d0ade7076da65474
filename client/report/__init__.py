"""`sweep report`: one HTML file about a sweep, which opens offline."""
