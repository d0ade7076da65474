"""S3 keys and the names of environment variables, each defined once.

Keys contain only two texts that a person chose: the sweep's name and the slug in a trial id. `contract.parser` and
`contract.trial` limit both to letters, digits, `-` and `_`.
"""

from hashlib import sha256
from urllib.parse import quote

# Environment of a Batch job. The first two tell any trainer, ours or a user's, where to write.
METRICS_URI = "STEPSWEEP_METRICS_URI"
"""Where the trial writes its CSV: `s3://bucket/trials/<trial_id>/metrics-e<epochs>.csv`."""
CHECKPOINT_URI = "STEPSWEEP_CHECKPOINT_URI"
"""Where a trial may keep checkpoints, to continue after it was killed: `s3://bucket/checkpoints/<trial_id>/`.

While it trains, it may also write its metrics so far to `live.csv` there, for live progress."""
ARTIFACTS_URI = "STEPSWEEP_ARTIFACTS_URI"
"""Where a trial leaves files for people, such as its model, before its CSV:
`s3://bucket/artifacts/new/<trial_id>/e<epochs>/`, or better in `artifacts_of_metrics` of it."""
ARTIFACTS = "STEPSWEEP_ARTIFACTS"
"""JSON list of patterns: the files of its working folder that are artifacts too."""
DATA_DIR = "STEPSWEEP_DATA_DIR"
"""Folder with the data sets; the image's build puts them there."""

THREADS = "OMP_NUM_THREADS"
"""Threads of a job: its vCPUs, unless a spec's environment says otherwise."""

TEXTS = "STEPSWEEP_TEXTS"
"""JSON list of names of a job's options that are texts, though they look like another value: the text `1` is no number.

Set if there are any. The trial kit reads it, since it hands typed values to scripts."""

MEDIANS = "STEPSWEEP_MEDIANS"
"""JSON object of `contract.median.variable`: by it, a trial that is worse than others ends itself. Set if there are
medians."""

RUNGS = "STEPSWEEP_RUNGS"
"""JSON list: the epochs of the rungs below a trial's, from whose checkpoints it goes on. Set if there are any."""

SECRETS = "STEPSWEEP_SECRETS"
"""JSON list of names: in a job of the secrets that the sweep asked for, in the planner of those that jobs can be given.

On AWS a job is given all that its definition names."""

# Environment of the Lambda functions.
STACK = "STEPSWEEP_STACK"
"""Name of the stack, for the commands in a sweep's page and in an e-mail."""
TOPIC = "STEPSWEEP_TOPIC"
"""Where the message about a sweep's end is published."""
BUCKET = "STEPSWEEP_BUCKET"
"""The stack's bucket; in the environment of jobs too."""
TRAINER_VERSION = "STEPSWEEP_TRAINER_VERSION"
"""Identifies the code that a trial runs; part of every trial id, since other code gives other numbers."""
TRAINER_NAME = "STEPSWEEP_TRAINER_NAME"
"""The code's name for people: the trainer's folder, or an image. Not part of ids: a folder may be renamed."""
DEFAULT_MAX_CONCURRENCY = "STEPSWEEP_MAX_CONCURRENCY"
JOBS_AT_ONCE = "STEPSWEEP_JOBS_AT_ONCE"
"""How many jobs all machines together hold, unless a spec asks for other resources: a free-running search has no more
workers, since a trial that waits was chosen before others ended."""
USD_PER_HOUR = "STEPSWEEP_USD_PER_HOUR"
"""Price of one job's machine; every amount computed from it is an estimate."""
SECONDS_PER_EPOCH = "STEPSWEEP_SECONDS_PER_EPOCH"
"""Expected time of one epoch, for estimates in advance; only the tutorial's trainer has one."""
JOB = "STEPSWEEP_JOB"
"""What a job gets unless the spec asks for something else: `contract.means.StackJob` as JSON."""
SWEEP_QUEUE = "STEPSWEEP_SWEEP_QUEUE"
"""Where the jobs of sweeps wait."""
JOB_QUEUE = "STEPSWEEP_JOB_QUEUE"
"""Where the jobs wait that a person submits; they run on the same machines."""
START_WITHIN_MINUTES = "STEPSWEEP_START_WITHIN_MINUTES"
"""The time within which one of a sweep's jobs must start."""
LOG_GROUP = "STEPSWEEP_LOG_GROUP"
"""CloudWatch log group of the jobs, from which the reducer reads a failed trial's last line."""

BY_HAND = "metrics_"
"""How the keys begin of metrics of jobs that a person submits as in the tutorial, without a sweep."""
SWEEPS = "sweeps/"
REPORT_NAME = "report.html"
LATEST_NAME = "latest.json"
TRIALS = "trials/"
METRICS_NAME = "metrics-"
"""How the names of metrics begin; the bucket's policy refuses to replace them."""
CHECKPOINTS = "checkpoints/"
"""Kept apart from results, so that a rule of the bucket can delete checkpoints by their prefix."""
NEW_ARTIFACTS = "artifacts/new/"
"""What trials leave. A rule of the bucket deletes it."""
KEPT_ARTIFACTS = "artifacts/kept/"
"""The reducer's copies of the artifacts that stay."""


def sweep_prefix(sweep: str) -> str:
    return f"{SWEEPS}{sweep}/"


def spec_key(sweep: str) -> str:
    return f"{SWEEPS}{sweep}/spec.json"


def latest_key(sweep: str) -> str:
    """Which execution planned last, and whether its search has ended. The other documents name their execution too."""
    return f"{SWEEPS}{sweep}/{LATEST_NAME}"


def plan_key(sweep: str, round_number: int) -> str:
    """All planned trials up to a round, already finished or not."""
    return f"{SWEEPS}{sweep}/round-{round_number}/plan.json"


def to_run_key(sweep: str, round_number: int) -> str:
    """The items of the Map: the trials that a round still has to train."""
    return f"{SWEEPS}{sweep}/round-{round_number}/to-run.json"


def results_key(sweep: str, round_number: int) -> str:
    """The result of every planned trial after a round; the next round is planned from it."""
    return f"{SWEEPS}{sweep}/round-{round_number}/results.json"


def proposed_key(sweep: str, round_number: int) -> str:
    """The params that a model proposes for a round: a JSON list of objects, name → value."""
    return f"{SWEEPS}{sweep}/round-{round_number}/proposed.json"


def workers_key(sweep: str, leg: int) -> str:
    """The items of the Map over the workers of a free-running search."""
    return f"{SWEEPS}{sweep}/leg-{leg}/workers.json"


def free_plan_key(sweep: str) -> str:
    """All trials that a free-running search has begun, once it has ended."""
    return f"{SWEEPS}{sweep}/plan.json"


def free_results_key(sweep: str) -> str:
    """The result of each of them."""
    return f"{SWEEPS}{sweep}/results.json"


def events_prefix(sweep: str) -> str:
    """The log of a free-running search."""
    return f"{SWEEPS}{sweep}/log/"


def event_key(sweep: str, number: int) -> str:
    return f"{events_prefix(sweep)}{number:08}.json"


def snapshot_key(sweep: str) -> str:
    """What the first events of a log say, so that few of them have to be read."""
    return f"{SWEEPS}{sweep}/snapshot.json"


def outcomes_prefix(sweep: str, round_number: int) -> str:
    return f"{SWEEPS}{sweep}/round-{round_number}/outcomes/"


def map_results_prefix(sweep: str, round_number: int) -> str:
    """Step Functions' record of a Map run: the manifest, and every child's input and output."""
    return f"{SWEEPS}{sweep}/round-{round_number}/map"


def outcome_key(sweep: str, round_number: int, trial_id: str) -> str:
    return f"{outcomes_prefix(sweep, round_number)}{trial_id}.json"


def leaderboard_key(sweep: str) -> str:
    return f"{SWEEPS}{sweep}/leaderboard.csv"


def front_key(sweep: str) -> str:
    """Returns the key of the output of a sweep with several objectives, in the place of `winner_key`."""
    return f"{SWEEPS}{sweep}/front.json"


def winner_key(sweep: str) -> str:
    return f"{SWEEPS}{sweep}/winner.json"


def metrics_key(trial_id: str, epochs: int) -> str:
    return f"{TRIALS}{trial_id}/{METRICS_NAME}e{epochs}.csv"


def ended_key(trial_id: str, epochs: int) -> str:
    """Where the median rule ended a trial: what it leaves in place of metrics."""
    return f"{TRIALS}{trial_id}/ended-e{epochs}.json"


def kept_from_key(trial_id: str, epochs: int) -> str:
    """Beside metrics that another version of the trainer wrote, and that count on request: says which."""
    return f"{TRIALS}{trial_id}/kept-from-e{epochs}.json"


def summary_key(trial_id: str, epochs: int) -> str:
    """How a trial was trained, and the test accuracy of its best epoch; optional, for people."""
    return f"{TRIALS}{trial_id}/summary-e{epochs}.json"


def checkpoint_prefix(trial_id: str) -> str:
    return f"{CHECKPOINTS}{trial_id}/"


def checkpoint_key(trial_id: str) -> str:
    return f"{checkpoint_prefix(trial_id)}checkpoint.pt"


def new_artifacts_prefix(trial_id: str, epochs: int) -> str:
    return f"{NEW_ARTIFACTS}{trial_id}/e{epochs}/"


def artifacts_of_metrics(prefix: str, metrics: bytes) -> str:
    """Returns where an attempt leaves its artifacts that will write these metrics.

    Two sweeps may train the same trial at once. The metrics of the first one to finish count, and so must its files.
    The trial kit has this once more.

    Args:
        prefix: of the trial's artifacts, `new_artifacts_prefix` or a URI that ends in it.
    """
    return f"{prefix.removesuffix('/')}-{sha256(metrics).hexdigest()[:20]}/"


def kept_artifacts_prefix(trial_id: str, epochs: int) -> str:
    return f"{KEPT_ARTIFACTS}{trial_id}/e{epochs}/"


def live_key(trial_id: str) -> str:
    """The rows of a running training, for live progress; optional, and never read for results."""
    return f"{checkpoint_prefix(trial_id)}live.csv"


def uri(bucket: str, key: str) -> str:
    return f"s3://{bucket}/{key}"


def note_key(sweep: str) -> str:
    """What a person has written about a sweep."""
    return f"{SWEEPS}{sweep}/note.json"


def console_address(home: str, key: str) -> str:
    """Returns the address of an object's page in the console of AWS.

    Args:
        home: the bucket, with or without `s3://`.
    """
    return f"https://console.aws.amazon.com/s3/object/{home.removeprefix('s3://')}?prefix={quote(key, safe='')}"


def report_key(sweep: str) -> str:
    """The page of a sweep, which the reducer leaves at its end."""
    return f"{SWEEPS}{sweep}/{REPORT_NAME}"
