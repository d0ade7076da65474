"""What a trial's job and its starters agree on."""

EXIT_INTERRUPTED = 75
"""Exit code of a trial that was told to end and saved a checkpoint, from which another attempt continues.

EX_TEMPFAIL of sysexits.h: "temporary failure; try again". Batch and the embedded cloud retry it."""

TRIAL_MEMORY_MIB = 1_500
"""Memory reserved per trial on a laptop. The tutorial's model on 60,000 images needs about 1 GiB."""
