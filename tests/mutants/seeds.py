"""Faults that were seeded by hand: each is one that tests once did not find, or one that costs money or names a wrong
winner if it comes back.
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
ACCESS = ("tests/local/test_access.py",)


def stack(check: str) -> Sequence[str]:
    """Returns the test that judges the stack by a check of the proof. Only one, as each synthesizes the stack."""
    return (f"tests/proof/test_stack.py::test_the_stack_passes_the_check[{check}-default]",)


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
        file="src/stepsweep/bucket/trial_files.py",
        text="if data else None\n        except InvalidMetrics:",
        wrong="if data else None\n        except KeyError:",
        tests=("tests/client/test_following.py", "tests/client/test_execution.py"),
    ),
    Seed(
        breaks="`-c image=` is ignored",
        file="stack/trainer_image.py",
        text="    if config.image:\n",
        wrong="    if False:\n",
        tests=("tests/proof/test_stack.py::test_the_stack_is_what_its_summary_says",),
    ),
    Seed(
        breaks="the machines' disks are not encrypted",
        file="stack/machines.py",
        text="DISK_GB, encrypted=True",
        wrong="DISK_GB, encrypted=False",
        tests=stack("machines"),
    ),
    Seed(
        breaks="machines keep an old image",
        file="stack/compute.py",
        text="update_to_latest_image_version=True",
        wrong="update_to_latest_image_version=False",
        tests=stack("machines"),
    ),
    Seed(
        breaks="a deploy ends running trials",
        file="stack/compute.py",
        text="min(config.job_timeout_minutes, MAX_UPDATE_MINUTES)",
        wrong="1",
        tests=stack("machines"),
    ),
    Seed(
        breaks="processes of a trial that nobody waits for stay",
        file="stack/compute.py",
        text="init_process_enabled=True",
        wrong="init_process_enabled=False",
        tests=stack("job definition"),
    ),
    *(
        Seed(
            breaks=f"a state does not try again after {error}",
            file="statemachine/retried.py",
            text=f'    "{error}",\n',
            wrong="",
            tests=stack("errors"),
        )
        for error in (
            "Batch.TooManyRequestsException",
            "Batch.ServerException",
            "Batch.AWSBatchException",
            "Batch.SdkClientException",
            "Lambda.ClientExecutionTimeoutException",
            "Lambda.ServiceException",
            "Lambda.AWSLambdaException",
            "Lambda.SdkClientException",
            "Lambda.TooManyRequestsException",
            "Lambda.Unknown",
            "Runtime.ExitError",
            "Runtime.OutOfMemory",
            "Sandbox.Timedout",
        )
    ),
    Seed(
        breaks="an outcome is not written again after a network error",
        file="statemachine/retried.py",
        text='["S3.S3Exception", "S3.SdkClientException"]',
        wrong='["S3.S3Exception"]',
        tests=stack("errors"),
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
        breaks="a power cut takes back a result that was written",
        file="src/stepsweep/bucket/folder.py",
        text="                os.fsync(stream.fileno())\n",
        wrong="",
        tests=("tests/local/test_objects.py",),
    ),
    Seed(
        breaks="a power cut takes back the name of a result",
        file="src/stepsweep/bucket/folder.py",
        text="                os.fsync(descriptor)\n",
        wrong="                pass\n",
        tests=("tests/local/test_objects.py",),
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
    Seed(
        breaks="a record that is not JSON ends `sweep show`",
        file="src/stepsweep/bucket/outcomes.py",
        text="    except InvalidDocument as error:\n        return Unreadable",
        wrong="    except KeyError as error:\n        return Unreadable",
        tests=ARCHIVE,
    ),
    Seed(
        breaks="a job that was lost while it ran ends the reducer, so there is no winner",
        file="src/stepsweep/contract/cost.py",
        text="started is None or stopped is None else",
        wrong="started is None else",
        tests=("tests/statemachine/test_cost.py",),
    ),
    Seed(
        breaks="a search with halving that continues is estimated below its budget, and costs more",
        file="src/stepsweep/contract/bill.py",
        text="epochs=work.epochs - finished * epochs)",
        wrong="epochs=0)",
        tests=("tests/contract/test_bill.py", "tests/statemachine/test_planner.py"),
    ),
    Seed(
        breaks="the doctor asks for the quota of other machines than those of the stack",
        file="stack/sweep_stack.py",
        text="self._output(Output.CAPACITY, config.capacity,",
        wrong='self._output(Output.CAPACITY, "on-demand",',
        tests=("tests/proof/test_stack.py::test_the_stack_is_what_its_summary_says",),
    ),
    Seed(
        breaks="the stack names its outputs otherwise than those stacks that are deployed",
        file="src/stepsweep/contract/deployed.py",
        text='CAPACITY = "Capacity"',
        wrong='CAPACITY = "CapacityKind"',
        tests=("tests/proof/test_stack.py::test_the_stack_is_what_its_summary_says",),
    ),
    Seed(
        breaks="the machines' disks have no room for the image",
        file="stack/machines.py",
        text="DISK_GB, encrypted=True",
        wrong="30, encrypted=True",
        tests=stack("machines"),
    ),
    Seed(
        breaks="a trial whose image could not be pulled is not tried again",
        file="stack/compute.py",
        text="""\
                batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.custom(on_reason="Cannot*")),
""",
        wrong="",
        tests=stack("job definition"),
    ),
    Seed(
        breaks="a trial whose machine was reclaimed is not tried again",
        file="stack/compute.py",
        text="""\
                batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.SPOT_INSTANCE_RECLAIMED),
""",
        wrong="",
        tests=stack("job definition"),
    ),
    Seed(
        breaks="a trial that fails by itself is tried again, five times",
        file="stack/compute.py",
        text="""\
                batch.RetryStrategy.of(batch.Action.EXIT, batch.Reason.NON_ZERO_EXIT_CODE),
""",
        wrong="",
        tests=stack("job definition"),
    ),
    Seed(
        breaks="a deploy takes the job definition from a running sweep",
        file="stack/compute.py",
        text="skip_deregister_on_update=True",
        wrong="skip_deregister_on_update=False",
        tests=stack("job definition"),
    ),
    Seed(
        breaks="a network that is gone while a checkpoint is saved ends the training",
        file="trainer/job_store.py",
        text="    except (BotoCoreError, ClientError) as error:\n        raise StoreError",
        wrong="    except ClientError as error:\n        raise StoreError",
        tests=("tests/trainer/test_job_store.py",),
    ),
    Seed(
        breaks="train_loss is too low by the size of a batch",
        file="trainer/train.py",
        text="total += loss.detach() * len(batch)",
        wrong="total += loss.detach()",
        tests=("tests/trainer/test_train.py::test_train_loss_is_the_mean_over_images",),
    ),
    Seed(
        breaks="only the first epochs of a trial are shown live",
        file="trainer/trial.py",
        text="self._next = time.monotonic() + LIVE_SECONDS\n        # A daemon",
        wrong="self._next = math.inf\n        # A daemon",
        tests=("tests/trainer/test_trial.py::test_each_epoch_is_shown_live_while_it_trains",),
    ),
    Seed(
        breaks="a checkpoint that could not be saved is not saved at the end either",
        file="trainer/trial.py",
        text="and _save(store, state, identity):",
        wrong="and [_save(store, state, identity)]:",
        tests=("tests/trainer/test_trial.py::test_a_checkpoint_that_could_not_be_saved_is_saved_at_the_end",),
    ),
    Seed(
        breaks="trials with long params have another id, so a sweep trains again what is trained",
        file="src/stepsweep/contract/trial.py",
        text="MAX_SLUG = 60",
        wrong="MAX_SLUG = 61",
        tests=("tests/contract/test_trial.py",),
    ),
    Seed(
        breaks="two seeds have no standard error",
        file="src/stepsweep/contract/results.py",
        text="if len(self.results) < 2 or not self.is_complete:",
        wrong="if len(self.results) < 3 or not self.is_complete:",
        tests=("tests/contract/test_ranking.py", "tests/contract/test_leaderboard.py"),
    ),
    Seed(
        breaks="the epochs of several folds are the least that one of them trained",
        file="src/stepsweep/contract/results.py",
        text="return max((result.epochs_trained or 0",
        wrong="return min((result.epochs_trained or 0",
        tests=("tests/contract/test_ranking.py", "tests/contract/test_leaderboard.py"),
    ),
    Seed(
        breaks="a winner of several seeds has a reason why it failed",
        file="src/stepsweep/contract/results.py",
        text="if self.is_complete or len(self.results) == 1:",
        wrong="if len(self.results) == 1:",
        tests=("tests/contract/test_ranking.py", "tests/contract/test_leaderboard.py"),
    ),
    Seed(
        breaks="the model searches whole numbers on a log scale as if it were none",
        file="statemachine/axes.py",
        text="IntDistribution(int(parameter.low), int(parameter.high), log=True)",
        wrong="IntDistribution(int(parameter.low), int(parameter.high))",
        tests=("tests/statemachine/test_sampler.py",),
    ),
    Seed(
        breaks="the model takes numbers for neighbours that only stand beside each other",
        file="statemachine/axes.py",
        text="sorted(parameter, key=_number)",
        wrong="list(parameter)",
        tests=("tests/statemachine/test_sampler.py",),
    ),
    Seed(
        breaks="a summary of nested brackets ends the reducer, so there is no winner",
        file="statemachine/conclusion.py",
        text="""data.count(b"{") + data.count(b"[") > MAX_SUMMARY_BRACKETS""",
        wrong="""data.count(b"{") > MAX_SUMMARY_BRACKETS""",
        tests=("tests/statemachine/test_reducer.py",),
    ),
    Seed(
        breaks="of two executions of a free-running search the earlier one names a winner of half of it",
        file="statemachine/leg.py",
        text='if execution not in ("", state.began.execution):',
        wrong="if False:",
        tests=("tests/statemachine/test_free_running.py",),
    ),
    Seed(
        breaks="a trial that left nothing in an earlier round has failed, by a reason of another one",
        file="src/stepsweep/bucket/outcomes.py",
        text="for trial in trials if trial.round_number == round_number}",
        wrong="for trial in trials}",
        tests=("tests/statemachine/test_outcomes.py", "tests/statemachine/test_rounds.py"),
    ),
    Seed(
        breaks="a role may do what no policy of it allows",
        file="src/stepsweep/local/access.py",
        text="in verdicts or PermissionResult.PERMITTED not in verdicts:",
        wrong="in verdicts:",
        tests=ACCESS,
    ),
    Seed(
        breaks="a role learns whether an object is there that it may not list",
        file="src/stepsweep/local/access.py",
        text='if answer[0].startswith("404"):',
        wrong="if False:",
        tests=ACCESS,
    ),
    Seed(
        breaks="a role copies what it may not read",
        file="src/stepsweep/local/access.py",
        text='if source := environ.get("HTTP_X_AMZ_COPY_SOURCE"):',
        wrong='if source := environ.get("HTTP_X_NOTHING"):',
        tests=("tests/local/test_signatures.py",),
    ),
    Seed(
        breaks="a trainer replaces the metrics of another trial's, as no policy of a bucket allows",
        file="src/stepsweep/local/access.py",
        text="                    _keep_metrics(environ)\n",
        wrong="                    pass\n",
        tests=("tests/local/test_signatures.py",),
    ),
    Seed(
        breaks="the live display stays at the first epoch",
        file="client/terminal/live.py",
        text="        self._progress = progress\n",
        wrong="        self._progress = self._progress if self._progress.training else progress\n",
        tests=("tests/client/test_trial_table.py",),
    ),
]
