"""The state machine of a sweep, as CDK constructs. Only this file of the room imports aws_cdk.

People read the states' names and comments in the console's graph while a sweep runs.
"""

from typing import Any

from aws_cdk import Aws, Duration
from aws_cdk import aws_batch as batch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from stepsweep.contract.jobs import (
    NO_JOB_STARTED,
    NOTHING_RUNS,
    NOTHING_STARTS,
    OTHERS_RUN,
    SEARCH_STOPPED,
    TRAINING_ENDED,
)
from stepsweep.contract.trial import Status
from stepsweep.contract.worker import ASK, STOP, TRAIN
from stepsweep.statemachine.retried import FUNCTION_ERRORS, RETRY_RULES, STORE_ERRORS, SUBMIT_ERRORS

LAST_JOBS = Duration.seconds(5)
"""Between the end of a search and that of its jobs. A worker takes less from its answer to its job's submission, unless
Batch refuses it for now: then its trial finishes."""


class _Reader(sfn.S3JsonItemReader):
    """CDK's reader without its grant on the whole bucket; `stack/sweep_stack.py` grants what it reads."""

    def provide_policy_statements(self) -> list[iam.PolicyStatement]:
        return []


class _Writer(sfn.ResultWriterV2):
    """CDK's writer without its grant on the whole bucket; `stack/sweep_stack.py` grants what it writes."""

    def provide_policy_statements(self) -> list[iam.PolicyStatement]:
        return []


class SweepDefinition(Construct):
    """Plan → train all trials in parallel → pick the winner, in rounds until the search ends.

    In a free-running search each worker trains one trial after the other, and asks which, until none is left.

    Args:
        sweeps: ARN of the objects under `sweeps/`. The state machine itself reads and writes only these.
        start_within: the time within which one of a round's jobs must start.

    Attributes:
        start: the first state; `sfn.DefinitionBody.from_chainable(definition.start)`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket: s3.IBucket,
        sweeps: str,
        job_queue: batch.IJobQueue,
        job_definition: batch.IJobDefinition,
        planner: lambda_.IFunction,
        reducer: lambda_.IFunction,
        sampler: lambda_.IFunction,
        asker: lambda_.IFunction,
        guard: lambda_.IFunction,
        start_within: Duration,
    ) -> None:
        super().__init__(scope, construct_id)
        self._sweeps = sweeps
        # Later states must not mistake a person's input for our own numbers, so this state replaces it. The planner
        # gets the input from the context object.
        begin = sfn.Pass(
            self,
            "Begin",
            state_name="Begin with round 0",
            comment="The sweep's input is read by the next state.",
            result=sfn.Result.from_object({"round": 0}),
        )
        plan = self._function(
            "Plan",
            planner,
            state_name="Plan the trials",
            comment="Checks the input, lists every trial, and leaves out those that are trained already.",
            payload={
                "input": sfn.JsonPath.object_at("$$.Execution.Input"),
                "execution": sfn.JsonPath.string_at("$$.Execution.Name"),
                "started": sfn.JsonPath.string_at("$$.Execution.StartTime"),
                "round": sfn.JsonPath.number_at("$.round"),
            },
        )
        one_round = {"sweep": sfn.JsonPath.string_at("$.sweep"), "round": sfn.JsonPath.number_at("$.round")}
        reduce = self._function(
            "Reduce",
            reducer,
            state_name="Pick the winner",
            comment="Reads every trial's metrics from S3, ranks the trials, writes leaderboard.csv and winner.json "
            "or, with several objectives, front.json.",
            payload={
                **one_round,
                "execution": sfn.JsonPath.string_at("$$.Execution.Name"),
                "ended": sfn.JsonPath.object_at("$.ended"),
                "leg": sfn.JsonPath.object_at("$.leg"),
                "started": sfn.JsonPath.string_at("$$.Execution.StartTime"),
                "entered": sfn.JsonPath.string_at("$$.State.EnteredTime"),
            },
        )
        ask = self._function(
            "Ask",
            sampler,
            state_name="Ask the model",
            comment="Optuna proposes params for the next round, by the outcomes so far.",
            payload=one_round,
        )
        train = self._guarded(
            train=self._train_all(bucket, job_queue, job_definition),
            work=self._work(bucket, job_queue, job_definition, asker, guard),
            guard=guard,
            start_within=start_within,
            then=reduce,
        )

        after_plan = (
            sfn.Choice(self, "AfterPlan", state_name="Anything to train?")
            .when(
                sfn.Condition.is_present("$.fault"),
                sfn.Fail(
                    self,
                    "WrongInput",
                    state_name="Wrong input",
                    comment="No trial of this round was started. The cause lists every fault of the input.",
                    error="InvalidSweep",
                    cause_path="$.fault",
                ),
                comment="The input breaks rules",
            )
            .when(sfn.Condition.number_equals("$.to_run", 0), reduce, comment="All trials are trained already")
            .otherwise(train)
        )
        # A grid or random search never starts the function that asks the model.
        next_round = (
            sfn.Choice(self, "NextRound", state_name="Does a model search?")
            .when(sfn.Condition.boolean_equals("$.ask", True), ask, comment="A model proposes new params")
            .otherwise(plan)
        )
        after_reduce = (
            sfn.Choice(self, "AfterReduce", state_name="Another round?")
            .when(sfn.Condition.boolean_equals("$.another_round", True), next_round, comment="The search goes on")
            .when(
                sfn.Condition.is_present("$.fault"),
                sfn.Fail(
                    self,
                    "NoTrialSucceeded",
                    state_name="No trial succeeded",
                    comment="The cause has the trials' own reasons, most frequent first.",
                    error="NoTrialSucceeded",
                    cause_path="$.fault",
                ),
                comment="Not one trial succeeded",
            )
            .otherwise(
                sfn.Succeed(
                    self,
                    "WinnerFound",
                    state_name="Winner found",
                    comment="The output has the winner's params and its metric, or the Pareto front of several "
                    "objectives, and where the whole leaderboard is.",
                    output_path="$.output",
                )
            )
        )
        begin.next(plan).next(after_plan)
        reduce.next(after_reduce)
        ask.next(plan)
        self.start = begin

    def _function(
        self,
        construct_id: str,
        function: lambda_.IFunction,
        *,
        state_name: str,
        comment: str,
        payload: dict[str, Any] | str,
    ) -> tasks.LambdaInvoke:
        state = tasks.LambdaInvoke(
            self,
            construct_id,
            lambda_function=function,
            state_name=state_name,
            comment=comment,
            payload=sfn.TaskInput.from_json_path_at(payload)
            if isinstance(payload, str)
            else sfn.TaskInput.from_object(payload),
            output_path="$.Payload",
            retry_on_service_exceptions=False,  # the retry below adds jitter
        )
        _retry(state, FUNCTION_ERRORS, first_seconds=2, tries=6, most_seconds=60)
        return state

    def _guarded(
        self,
        *,
        train: sfn.DistributedMap,
        work: sfn.DistributedMap,
        guard: lambda_.IFunction,
        start_within: Duration,
        then: sfn.IChainable,
    ) -> sfn.Parallel:
        """Returns the state that trains, and ends the sweep if no job starts.

        Whichever branch ends first ends the other, by an error. The reasons are in
        docs/decisions/022-a-sweep-whose-jobs-never-start-ends.md.
        """
        ended = sfn.Fail(
            self,
            "TrainingEnded",
            state_name="Training has ended",
            comment="No fault: an error ends the branch beside this one, too. Its cause is where the Map's record is.",
            error=TRAINING_ENDED,
            cause_path=sfn.JsonPath.json_to_string(sfn.JsonPath.object_at("$.ended")),
        )
        # The Map's own record only saves requests; a failure to write it must not lose the trained trials.
        train.add_catch(ended, errors=["States.ResultWriterFailed"], result_path=sfn.JsonPath.DISCARD)
        training = (
            sfn.Choice(self, "InRounds", state_name="In rounds?")
            .when(sfn.Condition.is_numeric("$.leg"), work.next(ended), comment="No worker waits for another")
            .otherwise(train.next(ended))
        )
        wait = sfn.Wait(
            self,
            "TimeToStart",
            state_name="Give the jobs time to start",
            comment="Ends early when the training does.",
            # Two looks must find nothing.
            time=sfn.WaitTime.duration(Duration.seconds(start_within.to_seconds() / 2)),
        )
        jobs_start = sfn.Succeed(
            self, "JobsStart", state_name="Jobs start", comment="There are machines; the training goes on."
        )
        look = self._function(
            "Look",
            guard,
            state_name="Look whether a job started",
            comment="Asks Batch about this sweep's jobs.",
            payload="$",
        )
        look.add_catch(jobs_start, errors=["States.ALL"])  # a guard that fails must not end a sweep
        started = (
            sfn.Choice(self, "HasStarted", state_name="Has a job started?")
            .when(
                sfn.Condition.string_equals("$.verdict", NOTHING_STARTS),
                sfn.Fail(
                    self,
                    "NoJobStarted",
                    state_name="No job started",
                    comment="Ends the training. The cause is what Batch says of the jobs that wait.",
                    error=NO_JOB_STARTED,
                    cause_path="$.why",
                ),
                comment="Nothing starts",
            )
            .when(
                sfn.Condition.string_equals("$.verdict", OTHERS_RUN), wait, comment="Other sweeps' jobs run before them"
            )
            .when(sfn.Condition.string_equals("$.verdict", NOTHING_RUNS), wait, comment="A machine may be on its way")
            .otherwise(jobs_start)
        )
        end_jobs = self._function(
            "EndJobs",
            guard,
            state_name="End the waiting jobs",
            comment="The sweep is over, and must not cost money when a machine comes at last.",
            payload="$",
        )
        end_jobs.add_catch(then, errors=["States.ALL"], result_path=sfn.JsonPath.DISCARD)
        guarded = sfn.Parallel(
            self,
            "Train",
            state_name="Train, and watch that jobs start",
            comment="Ends with the training, or when no job has started in time.",
            result_path=sfn.JsonPath.DISCARD,
        )
        guarded.branch(training, wait.next(look).next(started))
        guarded.add_catch(then, errors=[TRAINING_ENDED], result_path="$.ended")
        guarded.add_catch(end_jobs.next(then), errors=[NO_JOB_STARTED], result_path="$.ended")
        guarded.next(then)
        return guarded

    def _train_all(
        self, bucket: s3.IBucket, job_queue: batch.IJobQueue, job_definition: batch.IJobDefinition
    ) -> sfn.DistributedMap:
        """Returns the Map over the trials of a round. A failed trial never fails the Map: outcomes are data."""
        train_all = sfn.DistributedMap(
            self,
            "TrainAll",
            state_name="Train the trials",
            comment="One child execution per trial; each runs a Batch job and records the trial's outcome.",
            label="Trials",
            # With one history per child and the trials in S3, 10,000 trials fit.
            map_execution_type=sfn.StateMachineType.STANDARD,
            item_reader=_Reader(bucket=bucket, key=sfn.JsonPath.string_at("$.to_run_key")),
            max_concurrency_path=sfn.JsonPath.string_at("$.max_concurrency"),
            tolerated_failure_percentage=100,
            # With the writer, the Map returns the place of its record; without, all outputs of its children, up to
            # 256 KiB.
            result_writer_v2=_Writer(bucket=bucket, prefix=sfn.JsonPath.string_at("$.map_results_prefix")),
            result_path="$.ended",
        )
        _retry_reading(train_all)
        train_one = self._train_one(
            "Train one trial", job_queue, job_definition, result_path=f"{_outcome(Status.SUCCEEDED)}.job"
        )
        train_one.add_catch(
            self._record("RecordFailure", bucket, "Record the failure", Status.FAILED),
            errors=["States.ALL"],
            result_path=f"{_outcome(Status.FAILED)}.failure",
        )
        train_one.next(self._record("RecordSuccess", bucket, "Record the success", Status.SUCCEEDED))
        train_all.item_processor(train_one)
        return train_all

    def _work(
        self,
        bucket: s3.IBucket,
        job_queue: batch.IJobQueue,
        job_definition: batch.IJobDefinition,
        asker: lambda_.IFunction,
        guard: lambda_.IFunction,
    ) -> sfn.DistributedMap:
        """Returns the Map over the workers of a free-running search. A worker that fails leaves its trial to others."""
        work = sfn.DistributedMap(
            self,
            "Work",
            state_name="Let the workers train",
            comment="One child execution per worker; each trains a trial, asks for the next one, and ends when none is "
            "left.",
            label="Workers",
            map_execution_type=sfn.StateMachineType.STANDARD,
            item_reader=_Reader(bucket=bucket, key=sfn.JsonPath.string_at("$.to_run_key")),
            max_concurrency_path=sfn.JsonPath.string_at("$.max_concurrency"),
            tolerated_failure_percentage=100,
            # A worker's output says nothing: the log does.
            result_path=sfn.JsonPath.DISCARD,
        )
        _retry_reading(work)
        train = self._train_one("Train the next trial", job_queue, job_definition, result_path="$.question.ended.job")
        # The answer takes the place of the state, so that nothing grows from turn to turn.
        ask = self._function(
            "AskNext",
            asker,
            state_name="Ask what is next",
            comment="Records how the trial ended, and takes the next one, in one event of the search's log.",
            payload="$.question",
        )
        nothing_left = sfn.Succeed(
            self,
            "NothingLeft",
            state_name="Nothing is left",
            comment="Nothing that this worker could train.",
            output_path=sfn.JsonPath.DISCARD,
        )
        last_jobs = sfn.Wait(
            self,
            "LastJobs",
            state_name="Let the last jobs be submitted",
            comment="Other workers may have been told their next trial just before the search ended.",
            time=sfn.WaitTime.duration(LAST_JOBS),
        )
        end_running = self._function(
            "EndRunning",
            guard,
            state_name="End the running trials",
            comment="A rule has ended the search. Their checkpoints stay, and their workers end.",
            payload={
                "sweep": sfn.JsonPath.string_at("$.question.sweep"),
                "round": sfn.JsonPath.number_at("$.question.leg"),
                "ended": {"Error": SEARCH_STOPPED, "Cause": sfn.JsonPath.string_at("$.why")},
            },
        )
        # Then they train to their ends.
        end_running.add_catch(nothing_left, errors=["States.ALL"], result_path=sfn.JsonPath.DISCARD)
        next_step = (
            sfn.Choice(self, "NextStep", state_name="Another trial?")
            .when(sfn.Condition.string_equals("$.do", TRAIN), train, comment="There is a trial to train")
            .when(sfn.Condition.string_equals("$.do", ASK), ask, comment="Its trial is trained already")
            .when(
                sfn.Condition.string_equals("$.do", STOP),
                last_jobs.next(end_running).next(nothing_left),
                comment="It ends the others",
            )
            .otherwise(nothing_left)
        )
        train.add_catch(ask, errors=["States.ALL"], result_path="$.question.ended.failure")
        train.next(ask)
        ask.next(next_step)
        work.item_processor(next_step)
        return work

    def _train_one(
        self, state_name: str, job_queue: batch.IJobQueue, job_definition: batch.IJobDefinition, *, result_path: str
    ) -> sfn.CustomState:
        train_one = sfn.CustomState(
            self,
            state_name,
            state_json=_submit_job(job_queue.job_queue_arn, job_definition.job_definition_arn, result_path=result_path),
        )
        # Batch takes 25 to 50 submissions a second. With 10 tries and 120 s, a simulation of 10,000 trials at once
        # lost 14 of them at 40 a second, and 1,016 at 25.
        _retry(train_one, SUBMIT_ERRORS, first_seconds=2, tries=20, most_seconds=300)
        return train_one

    def _record(self, construct_id: str, bucket: s3.IBucket, state_name: str, status: Status) -> tasks.CallAwsService:
        """Returns a trial's last state. It returns what it writes, so the Map's own record has the outcome too."""
        record = tasks.CallAwsService(
            self,
            construct_id,
            state_name=state_name,
            comment="Writes the trial's outcome to S3.",
            service="s3",
            action="putObject",
            iam_resources=[self._sweeps],
            parameters={
                "Bucket": bucket.bucket_name,
                "Key": sfn.JsonPath.string_at("$.outcome_key"),
                "ContentType": "application/json",
                "Body": sfn.JsonPath.object_at(_outcome(status)),
            },
            result_path=sfn.JsonPath.DISCARD,
            output_path=_outcome(status),
        )
        _retry(record, STORE_ERRORS, first_seconds=1, tries=8, most_seconds=30)
        return record


def _retry(
    state: sfn.TaskStateBase | sfn.CustomState | sfn.DistributedMap,
    errors: list[str],
    *,
    first_seconds: int,
    tries: int,
    most_seconds: int,
) -> None:
    """Retries a state after pauses that double, each cut at random so that many do not come back at once."""
    state.add_retry(
        errors=errors,
        interval=Duration.seconds(first_seconds),
        backoff_rate=2,
        max_attempts=tries,
        max_delay=Duration.seconds(most_seconds),
        jitter_strategy=sfn.JitterType.FULL,
    )


def _retry_reading(over: sfn.DistributedMap) -> None:
    """Retries the only error of a Map that is safe to retry: it has started nothing yet."""
    _retry(over, ["States.ItemReaderFailed"], first_seconds=2, tries=8, most_seconds=60)


def _outcome(status: Status) -> str:
    """Returns the path of a trial's outcome with this status; the planner put id and status there."""
    return f"$.outcomes.{status.value}"


def _submit_job(job_queue_arn: str, job_definition_arn: str, *, result_path: str) -> dict[str, Any]:
    """Returns the task state that trains one trial.

    It is plain Amazon States Language, not CDK's BatchSubmitJob: docs/decisions/005-submit-job-in-asl.md says why.
    """
    return {
        "Type": "Task",
        "Comment": "A Batch job on a GPU. Batch retries after a lost machine, not after a trainer's own error.",
        "Resource": f"arn:{Aws.PARTITION}:states:::batch:submitJob.sync",
        "Parameters": {
            "JobName.$": "$.trial_id",
            "JobQueue": job_queue_arn,
            # Batch refuses a job without both. The number orders jobs of one share only: all trials are equal.
            "ShareIdentifier.$": "$.share",
            "SchedulingPriorityOverride": 0,
            "JobDefinition": job_definition_arn,
            "ContainerOverrides": {
                "Command.$": "$.command",
                "Environment.$": "$.environment",
                "ResourceRequirements.$": "$.requirements",
            },
            "Timeout": {"AttemptDurationSeconds.$": "$.timeout_seconds"},
            # It takes the place of the job definition's, rules and all.
            "RetryStrategy": {"Attempts.$": "$.attempts", "EvaluateOnExit": RETRY_RULES},
            "Tags": {"sweep.$": "$.sweep", "trial.$": "$.trial_id"},
            "PropagateTags": True,
        },
        "ResultSelector": {
            "job_id.$": "$.JobId",
            "attempts.$": "$.Attempts",
        },
        "ResultPath": result_path,
    }
