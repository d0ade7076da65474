"""What to read from each picture, in one sentence: the same words in the page and below a figure."""

IMPORTANCE = (
    "A bar is a parameter's share in deciding which trials are among the best; its line holds nine of ten resamples "
    "of the trials, so overlapping lines leave the order open."
)
