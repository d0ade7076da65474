"""The Map over the workers of a free-running search."""

from aws_cdk import Duration
from aws_cdk import aws_batch as batch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stepsweep.contract.jobs import SEARCH_STOPPED
from stepsweep.contract.worker import ASK, STOP, TRAIN
from stepsweep.statemachine.definition.job import train_one
from stepsweep.statemachine.definition.states import Reader, invoke, retry_reading

LAST_JOBS = Duration.seconds(5)
"""Between the end of a search and that of its jobs. A worker takes less from its answer to its job's submission, unless
Batch refuses it for now: then its trial finishes."""


def work(
    scope: Construct,
    *,
    bucket: s3.IBucket,
    job_queue: batch.IJobQueue,
    job_definition: batch.IJobDefinition,
    asker: lambda_.IFunction,
    guard: lambda_.IFunction,
) -> sfn.DistributedMap:
    """Returns the Map over the workers of a free-running search. A worker that fails leaves its trial to others."""
    workers = sfn.DistributedMap(
        scope,
        "Work",
        state_name="Let the workers train",
        comment="One child execution per worker; each trains a trial, asks for the next one, and ends when none is "
        "left.",
        label="Workers",
        map_execution_type=sfn.StateMachineType.STANDARD,
        item_reader=Reader(bucket=bucket, key=sfn.JsonPath.string_at("$.to_run_key")),
        max_concurrency_path=sfn.JsonPath.string_at("$.max_concurrency"),
        tolerated_failure_percentage=100,
        # A worker's output says nothing: the log does.
        result_path=sfn.JsonPath.DISCARD,
    )
    retry_reading(workers)
    train = train_one(scope, "Train the next trial", job_queue, job_definition, result_path="$.question.ended.job")
    # The answer takes the place of the state, so that nothing grows from turn to turn.
    ask = invoke(
        scope,
        "AskNext",
        asker,
        state_name="Ask what is next",
        comment="Records how the trial ended, and takes the next one, in one event of the search's log.",
        payload="$.question",
    )
    nothing_left = sfn.Succeed(
        scope,
        "NothingLeft",
        state_name="Nothing is left",
        comment="Nothing that this worker could train.",
        output_path=sfn.JsonPath.DISCARD,
    )
    last_jobs = sfn.Wait(
        scope,
        "LastJobs",
        state_name="Let the last jobs be submitted",
        comment="Other workers may have been told their next trial just before the search ended.",
        time=sfn.WaitTime.duration(LAST_JOBS),
    )
    end_running = invoke(
        scope,
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
        sfn.Choice(scope, "NextStep", state_name="Another trial?")
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
    workers.item_processor(next_step)
    return workers
