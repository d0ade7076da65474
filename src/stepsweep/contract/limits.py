"""Limits on the input of a sweep."""

MAX_TRIALS = 10_000
"""Trials per sweep: the number of child executions that a Distributed Map keeps open."""
MAX_ROUNDS = 500
"""Rounds of a model. A round takes 25 of an execution's 25,000 events, and more if a function is retried:
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
MAX_PARAMETERS = 32
MAX_EXCLUDED = 500
MAX_FIXED = 1_000
"""Fixed options. A trial's options have `MAX_COMMAND_BYTES` together, which limits them sooner."""
MAX_EPOCHS = 100_000
MAX_CONCURRENCY = 10_000
MAX_COMMAND_BYTES = 6_000
"""Size of a trial's options. Batch allows 8,192 bytes of container overrides, with its JSON and our environment."""
MAX_OVERRIDES_BYTES = 6_800
"""Size of a trial's options, environment and patterns of artifacts together. The URIs of its results take up to 1,000
of the 8,192 bytes."""
MAX_NAME = 80
"""Length of a sweep's name: Step Functions' limit for an execution's name, which is the sweep's default name."""
MAX_SEED = 2**32 - 1
MAX_FOLDS = 20
MAX_REPEATS = 20
MAX_FACTOR = 100
MAX_BOUND = 1e300
MIN_BOUND = 1e-300
"""Largest bound of a range, so that no sum or rounding of its values overflows."""
