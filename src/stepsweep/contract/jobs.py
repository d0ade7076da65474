"""What a trial's job and its starters agree on, and how the state machine's branches say how training ended."""

TRAINING_ENDED = "TrainingEnded"
"""Error with which the branch that trains ends, and ends the one that watches it. Its cause is the Map's output."""
NOTHING_STARTS, NOTHING_RUNS, OTHERS_RUN, STARTED = "nothing starts", "nothing runs", "others run", "started"
"""What the branch that watches finds. A sweep waits for its turn while the jobs of others run. Where nothing runs, it
looks again before it says that nothing starts: others may have ended just now, and machines take minutes."""
NO_JOB_STARTED = "NoJobStarted"
"""Error with which the branch that watches ends a sweep none of whose jobs started. Its cause is the reason."""

SEARCH_STOPPED = "SearchStopped"
"""Error with which a worker has the trials ended that run when a rule stops the search. Its cause is the reason."""
ENDED_WITH_THE_SEARCH = "ended with the search: "
"""How the reason of such a job begins. It is no failure of the trial's own."""

EXIT_INTERRUPTED = 75
"""Exit code of a trial that was told to end and saved a checkpoint, from which another attempt continues.

EX_TEMPFAIL of sysexits.h: "temporary failure; try again". Batch and the embedded cloud retry it."""

TRIAL_MEMORY_MIB = 1_500
"""Memory reserved per trial on a laptop. The tutorial's model on 60,000 images needs about 1 GiB."""
