"""What to read from each picture, in one sentence: the same words in the page and below a figure."""

COURSE = "The line is the best value so far: where it stays flat, further trials brought nothing better."
COURSE_OF_RUNGS = (
    "Each line is the best value so far of one rung, whose trials have the same epochs; a triangle is a trial that was "
    "promoted."
)
RUNGS = (
    "A line goes on where trials were promoted: lines that cross say that early values are a poor guide to later ones."
)
IMPORTANCE = (
    "A bar is a parameter's share in deciding which trials are among the best; its line holds nine of ten resamples "
    "of the trials, so overlapping lines leave the order open."
)
