"""Faults that were seeded by hand, where mutmut cannot follow: in code that other processes run.

mutmut counts what its own process calls, and the tests of client, stack and embedded cloud start processes. Each fault
here is one that tests once did not find, or one that costs money or names a wrong winner if it comes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """A fault.

    Attributes:
        breaks: what a person would see of it.
        file: the only one in which `text` is, once.
        tests: those that should find it.
    """

    breaks: str
    file: str
    text: str
    wrong: str
    tests: Sequence[str]


STOPPING = ("tests/client/test_stopping.py",)
ARCHIVE = ("tests/client/test_archive.py",)
STACK = ("tests/proof/test_stack.py::test_the_stack_passes_the_check",)

SEEDS = [
    Seed(
        breaks="`sweep stop` ends no job",
        file="client/running/stopping.py",
        text="""\
        for job_id in control.deployment.batch.terminate_jobs(
            jobs=ids[first : first + TERMINATED_AT_ONCE], reason="The sweep was stopped"
        )["successful"]""",
        wrong="        for job_id in ids[first : first + TERMINATED_AT_ONCE]",
        tests=STOPPING,
    ),
    Seed(
        breaks="`sweep stop` does not see jobs that start",
        file="src/stepsweep/bucket/sweep_jobs.py",
        text='("STARTING", "RUNNING")',
        wrong='("RUNNING",)',
        tests=(*STOPPING, "tests/statemachine/test_guard.py"),
    ),
    Seed(
        breaks="more than 100 jobs are described at once, which Batch refuses",
        file="src/stepsweep/bucket/sweep_jobs.py",
        text="DESCRIBED_AT_ONCE = 100",
        wrong="DESCRIBED_AT_ONCE = 10000",
        tests=STOPPING,
    ),
    Seed(
        breaks="more than 50 jobs are ended at once, which Batch refuses",
        file="client/running/stopping.py",
        text="TERMINATED_AT_ONCE = 50",
        wrong="TERMINATED_AT_ONCE = 5000",
        tests=STOPPING,
    ),
    Seed(
        breaks="jobs that were submitted late are not told of",
        file="client/running/stopping.py",
        text="            jobs |= dict.fromkeys(new)\n",
        wrong="",
        tests=STOPPING,
    ),
    Seed(
        breaks="what is shown of a search in rounds lacks its later trials",
        file="src/stepsweep/bucket/records.py",
        text="return self.plan_of(spec, latest.round_number,",
        wrong="return self.plan_of(spec, 0,",
        tests=ARCHIVE,
    ),
    Seed(
        breaks="a removal that is interrupted cannot be repeated",
        file="src/stepsweep/bucket/records.py",
        text="key=lambda key: key == keys.spec_key(sweep))",
        wrong="key=lambda key: key != keys.spec_key(sweep))",
        tests=ARCHIVE,
    ),
    Seed(
        breaks="a trial's rows that break a rule end `sweep watch`",
        file="src/stepsweep/bucket/records.py",
        text="if data else None\n        except InvalidMetrics:",
        wrong="if data else None\n        except KeyError:",
        tests=("tests/client/test_curves.py", "tests/client/test_following.py", "tests/client/test_execution.py"),
    ),
    Seed(
        breaks="`-c image=` is ignored",
        file="stack/sweep_stack.py",
        text="    if config.image:\n",
        wrong="    if False:\n",
        tests=(
            "tests/proof/test_stack.py::test_jobs_run_the_image_of_a_registry_that_was_chosen_and_their_ids_name_it",
        ),
    ),
    Seed(
        breaks="the machines' disks are not encrypted",
        file="stack/machines.py",
        text="DISK_GB, encrypted=True",
        wrong="DISK_GB, encrypted=False",
        tests=STACK,
    ),
    Seed(
        breaks="machines keep an old image",
        file="stack/compute.py",
        text="update_to_latest_image_version=True",
        wrong="update_to_latest_image_version=False",
        tests=STACK,
    ),
    Seed(
        breaks="a deploy ends running trials",
        file="stack/compute.py",
        text="min(config.job_timeout_minutes, MAX_UPDATE_MINUTES)",
        wrong="1",
        tests=STACK,
    ),
    Seed(
        breaks="processes of a trial that nobody waits for stay",
        file="stack/compute.py",
        text="init_process_enabled=True",
        wrong="init_process_enabled=False",
        tests=STACK,
    ),
    Seed(
        breaks="a function is not called again after a network error",
        file="statemachine/retried.py",
        text='    "Lambda.SdkClientException",\n',
        wrong="",
        tests=STACK,
    ),
    Seed(
        breaks="a job is not submitted again after Batch's own error",
        file="statemachine/retried.py",
        text='    "Batch.ServerException",\n',
        wrong="",
        tests=STACK,
    ),
    Seed(
        breaks="an outcome is not written again after a network error",
        file="statemachine/retried.py",
        text='["S3.S3Exception", "S3.SdkClientException"]',
        wrong='["S3.S3Exception"]',
        tests=STACK,
    ),
    Seed(
        breaks="times of jobs are a thousandth, and so is the cost",
        file="src/stepsweep/local/batch.py",
        text="int(moment.timestamp() * 1000)",
        wrong="int(moment.timestamp())",
        tests=("tests/local/test_jobs.py", "tests/local/test_patches.py"),
    ),
    Seed(
        breaks="a job has the exit code of its first attempt",
        file="src/stepsweep/local/batch.py",
        text="job.exit_code = job.attempts[-1]",
        wrong="job.exit_code = job.attempts[0]",
        tests=("tests/local/test_jobs.py",),
    ),
    Seed(
        breaks="a job that was stopped and exits with 0 has succeeded",
        file="src/stepsweep/local/batch.py",
        text='.get("exitCode") == 0 and not job.stop:',
        wrong='.get("exitCode") == 0:',
        tests=("tests/local/test_jobs.py",),
    ),
    Seed(
        breaks="a link among a bucket's objects is followed out of it",
        file="src/stepsweep/bucket/folder.py",
        text="os.O_NONBLOCK | os.O_NOFOLLOW",
        wrong="os.O_NONBLOCK",
        tests=("tests/client/test_foreign_files.py",),
    ),
    Seed(
        breaks="a sweep whose turn has come is ended a moment before its first job",
        file="statemachine/guard.py",
        text='event.get("verdict") == NOTHING_RUNS',
        wrong="True",
        tests=("tests/statemachine/test_guard.py",),
    ),
]
