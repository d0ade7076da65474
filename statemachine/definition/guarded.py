"""The training, and beside it a guard that ends a sweep whose jobs never start."""

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stepsweep.contract.jobs import NO_JOB_STARTED, NOTHING_RUNS, NOTHING_STARTS, OTHERS_RUN, TRAINING_ENDED
from stepsweep.statemachine.definition.states import invoke


def guarded(
    scope: Construct,
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
        scope,
        "TrainingEnded",
        state_name="Training has ended",
        comment="No fault: an error ends the branch beside this one, too. Its cause is where the Map's record is.",
        error=TRAINING_ENDED,
        cause_path=sfn.JsonPath.json_to_string(sfn.JsonPath.object_at("$.ended")),
    )
    # The Map's own record only saves requests; a failure to write it must not lose the trained trials.
    train.add_catch(ended, errors=["States.ResultWriterFailed"], result_path=sfn.JsonPath.DISCARD)
    training = (
        sfn.Choice(scope, "InRounds", state_name="In rounds?")
        .when(sfn.Condition.is_numeric("$.leg"), work.next(ended), comment="No worker waits for another")
        .otherwise(train.next(ended))
    )
    wait = sfn.Wait(
        scope,
        "TimeToStart",
        state_name="Give the jobs time to start",
        comment="Ends early when the training does.",
        # Two looks must find nothing.
        time=sfn.WaitTime.duration(Duration.seconds(start_within.to_seconds() / 2)),
    )
    jobs_start = sfn.Succeed(
        scope, "JobsStart", state_name="Jobs start", comment="There are machines; the training goes on."
    )
    look = invoke(
        scope,
        "Look",
        guard,
        state_name="Look whether a job started",
        comment="Asks Batch about this sweep's jobs.",
        payload="$",
    )
    look.add_catch(jobs_start, errors=["States.ALL"])  # a guard that fails must not end a sweep
    started = (
        sfn.Choice(scope, "HasStarted", state_name="Has a job started?")
        .when(
            sfn.Condition.string_equals("$.verdict", NOTHING_STARTS),
            sfn.Fail(
                scope,
                "NoJobStarted",
                state_name="No job started",
                comment="Ends the training. The cause is what Batch says of the jobs that wait.",
                error=NO_JOB_STARTED,
                cause_path="$.why",
            ),
            comment="Nothing starts",
        )
        .when(sfn.Condition.string_equals("$.verdict", OTHERS_RUN), wait, comment="Other sweeps' jobs run before them")
        .when(sfn.Condition.string_equals("$.verdict", NOTHING_RUNS), wait, comment="A machine may be on its way")
        .otherwise(jobs_start)
    )
    end_jobs = invoke(
        scope,
        "EndJobs",
        guard,
        state_name="End the waiting jobs",
        comment="The sweep is over, and must not cost money when a machine comes at last.",
        payload="$",
    )
    end_jobs.add_catch(then, errors=["States.ALL"], result_path=sfn.JsonPath.DISCARD)
    both = sfn.Parallel(
        scope,
        "Train",
        state_name="Train, and watch that jobs start",
        comment="Ends with the training, or when no job has started in time.",
        result_path=sfn.JsonPath.DISCARD,
    )
    both.branch(training, wait.next(look).next(started))
    both.add_catch(then, errors=[TRAINING_ENDED], result_path="$.ended")
    both.add_catch(end_jobs.next(then), errors=[NO_JOB_STARTED], result_path="$.ended")
    both.next(then)
    return both
