"""What to read from each picture, in one sentence: the same words in the page and below a figure."""

IMPORTANCE = (
    "A bar is a parameter's share in deciding which trials are among the best; its line holds nine of ten resamples "
    "of the trials, so overlapping lines leave the order open."
)
CURVE = "Where the points still rise or fall at an end, the best value may lie beyond it."
SURFACE = (
    "The area between the points is smoothed over the trials near it, and blank where there are none: a best area at "
    "an edge says that the range may be too narrow."
)
CELLS = "Each cell has its best trial: if the best cell is at an edge, better ones may lie beyond it."
SLICES = "One picture for each parameter: where the best points are at an end, better ones may lie beyond it."
MOST_IMPORTANT = "The parameter that seems most important is first."
PARALLEL = "Each line is a trial: where the lightest lines run together, the best trials agree about that parameter."
COURSE = "The line is the best value so far: where it stays flat, further trials brought nothing better."
COURSE_OF_RUNGS = (
    "Each line is the best value so far of one rung, whose trials have the same epochs; a triangle is a trial that was "
    "promoted."
)
FRONT = "No trial is better in both values than one on the front: along it, one value is paid for with the other."
FRONT_OF_PAIRS = (
    "No trial is better in all values than one on the front, though it may be in the two of a picture: look at all of "
    "the pictures."
)
RUNGS = (
    "A line goes on where trials were promoted: lines that cross say that early values are a poor guide to later ones."
)
RANKS = (
    "Trials from the best to the worst: a steep start says that few come near the winner, a flat one that many are "
    "about as good."
)
PROMOTED = "Values of promoted trials are after more epochs."
