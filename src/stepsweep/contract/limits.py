"""How large the input of a sweep may be."""

MAX_TRIALS = 10_000
"""Trials of a sweep: as many child executions as a Distributed Map keeps open at once."""
MAX_ROUNDS = 500
"""Of a model: a round is 25 events of the at most 25,000 of an execution, and more where a function is retried:
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
MAX_PARAMETERS = 32
MAX_EPOCHS = 100_000
MAX_CONCURRENCY = 10_000
MAX_COMMAND_BYTES = 6_000
"""Of a trial's options: Batch allows 8,192 bytes of container overrides, its own JSON and our environment included."""
MAX_OVERRIDES_BYTES = 7_000
"""Of a trial's options and environment together; where its results go takes up to 700 of the 8,192."""
MAX_NAME = 80
"""Of a sweep: as long as Step Functions allows an execution's name, which names the sweep by default."""
MAX_SEED = 2**32 - 1
MAX_FOLDS = 20
MAX_REPEATS = 20
MAX_FACTOR = 100
MAX_BOUND = 1e300
"""Of a range, so that no sum or rounding of its values overflows."""
