"""What a trial's job and those who start it agree on."""

EXIT_INTERRUPTED = 75
"""Exit code of a trial that was told to end and kept what it had learned; another attempt goes on from there.

EX_TEMPFAIL of sysexits.h: "temporary failure; try again". Batch and the embedded cloud retry it."""

TRIAL_MEMORY_MIB = 1_500
"""What a trial of the tutorial's model on 60,000 images may take on a laptop: it needs about 1 GiB."""
