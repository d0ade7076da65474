"""The S3 layout and the names of environment variables, each defined once.

Keys hold only two texts that a person chose: the sweep's name, which `contract.spec` limits to letters, digits, `-` and
`_`, and the slug in a trial id, which `contract.trial` limits to the same.
"""

# Environment of a Batch job. Any trainer, ours or a user's, is told where to write by these two.
METRICS_URI = "STEPSWEEP_METRICS_URI"
"""Where the one CSV goes, `s3://bucket/trials/<trial_id>/metrics-e<epochs>.csv`."""
CHECKPOINT_URI = "STEPSWEEP_CHECKPOINT_URI"
"""Where a trial may keep what it needs to go on after it was killed: `s3://bucket/checkpoints/<trial_id>/`.

And where it may write `live.csv` while it trains, its metrics so far, for those who watch."""
DATA_DIR = "STEPSWEEP_DATA_DIR"
"""Folder with the data sets; in the image they are baked in at build."""

# Environment of the Lambda functions.
BUCKET = "STEPSWEEP_BUCKET"
TRAINER_VERSION = "STEPSWEEP_TRAINER_VERSION"
"""Names the code that a trial runs; part of every trial id, since other code gives other numbers."""
TRAINER_NAME = "STEPSWEEP_TRAINER_NAME"
"""What a person calls that code: the trainer's folder, or an image. Part of no id: a folder may be renamed."""
DEFAULT_MAX_CONCURRENCY = "STEPSWEEP_MAX_CONCURRENCY"
USD_PER_HOUR = "STEPSWEEP_USD_PER_HOUR"
"""Price of the machine of one job; every figure made from it is an estimate."""
SECONDS_PER_EPOCH = "STEPSWEEP_SECONDS_PER_EPOCH"
"""What an epoch is expected to take, for estimates before anything has run."""
JOB_GPUS = "STEPSWEEP_JOB_GPUS"
LOG_GROUP = "STEPSWEEP_LOG_GROUP"
"""CloudWatch log group of the jobs, where the reducer reads a failed trial's last line."""

SWEEPS = "sweeps/"
TRIALS = "trials/"
CHECKPOINTS = "checkpoints/"
"""Apart from the trials' results, so that a rule of the bucket can delete them some day."""


def sweep_prefix(sweep: str) -> str:
    return f"{SWEEPS}{sweep}/"


def spec_key(sweep: str) -> str:
    return f"{SWEEPS}{sweep}/spec.json"


def plan_key(sweep: str, round_number: int) -> str:
    """Every trial of a round, finished before or not: the truth about what was planned."""
    return f"{SWEEPS}{sweep}/round-{round_number}/plan.json"


def to_run_key(sweep: str, round_number: int) -> str:
    """The items of the Map: what a round still has to train."""
    return f"{SWEEPS}{sweep}/round-{round_number}/to-run.json"


def results_key(sweep: str, round_number: int) -> str:
    """How every trial of the plan stands after a round: what the next round is planned from."""
    return f"{SWEEPS}{sweep}/round-{round_number}/results.json"


def proposed_key(sweep: str, round_number: int) -> str:
    """Params that a model proposes for a round: a JSON list of objects, name → value."""
    return f"{SWEEPS}{sweep}/round-{round_number}/proposed.json"


def outcomes_prefix(sweep: str, round_number: int) -> str:
    return f"{SWEEPS}{sweep}/round-{round_number}/outcomes/"


def map_results_prefix(sweep: str, round_number: int) -> str:
    """Step Functions' own record of a Map run: its manifest and every child's input and output."""
    return f"{SWEEPS}{sweep}/round-{round_number}/map"


def outcome_key(sweep: str, round_number: int, trial_id: str) -> str:
    return f"{outcomes_prefix(sweep, round_number)}{trial_id}.json"


def leaderboard_key(sweep: str) -> str:
    return f"{SWEEPS}{sweep}/leaderboard.csv"


def winner_key(sweep: str) -> str:
    return f"{SWEEPS}{sweep}/winner.json"


def metrics_key(trial_id: str, epochs: int) -> str:
    return f"{TRIALS}{trial_id}/metrics-e{epochs}.csv"


def summary_key(trial_id: str, epochs: int) -> str:
    """How a trial was trained and what its best epoch reaches on the test set; optional, for people."""
    return f"{TRIALS}{trial_id}/summary-e{epochs}.json"


def checkpoint_prefix(trial_id: str) -> str:
    return f"{CHECKPOINTS}{trial_id}/"


def checkpoint_key(trial_id: str) -> str:
    return f"{checkpoint_prefix(trial_id)}checkpoint.pt"


def live_key(trial_id: str) -> str:
    """The rows of a training that is under way, for people who watch it; optional, and never the results."""
    return f"{checkpoint_prefix(trial_id)}live.csv"


def uri(bucket: str, key: str) -> str:
    return f"s3://{bucket}/{key}"
