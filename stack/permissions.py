"""The permissions of jobs, functions and the state machine, in one place."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn

from stepsweep.contract import keys
from stepsweep.stack.acknowledged import acknowledge, acknowledge_wildcards
from stepsweep.stack.compute import Compute
from stepsweep.stack.functions import Function
from stepsweep.stack.storage import Storage
from stepsweep.stack.sweep_functions import SweepFunctions


def grant_permissions(
    stack: cdk.Stack,
    *,
    storage: Storage,
    compute: Compute,
    functions: SweepFunctions,
    state_machine: sfn.StateMachine,
) -> None:
    """Grants what a sweep needs, and says of each `*` why it is one."""
    # Jobs write trials/*, checkpoints/* and artifacts/new/*, functions write sweeps/*.
    both = ["s3:GetObject", "s3:PutObject"]
    objects = "Objects below one prefix; their names are those of sweeps and trials, which nobody knows yet."
    trials = [storage.objects(keys.TRIALS), storage.objects(keys.CHECKPOINTS)]
    _allow(compute.job_role, both, trials, because=objects)
    # Jobs that a person submits as in the tutorial leave their metrics at the top of the bucket.
    _allow(compute.job_role, ["s3:PutObject"], [storage.objects(keys.BY_HAND)], because=objects)
    # A job cannot replace artifacts that are kept.
    new, kept = storage.objects(keys.NEW_ARTIFACTS), storage.objects(keys.KEPT_ARTIFACTS)
    _allow(compute.job_role, ["s3:PutObject"], [new], because=objects)
    _allow(functions.reducer.role, ["s3:GetObject"], [new], because=objects)
    _allow(functions.reducer.role, both, [kept], because=objects)
    for role in (functions.planner.role, functions.reducer.role, functions.sampler.role, functions.asker.role):
        _allow(role, both, [storage.objects(keys.SWEEPS)], because=objects)
    for role in (functions.planner.role, functions.reducer.role, functions.asker.role):
        _allow(role, ["s3:GetObject"], [storage.objects(keys.TRIALS)], because=objects)
    # Not from the group's ARN, which ends in `:*` in CloudFormation.
    log_streams = stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name=f"{compute.log_group.log_group_name}:log-stream:*",
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
    _allow(
        functions.reducer.role,
        ["logs:GetLogEvents"],
        [log_streams],
        because="Batch names a job's log stream when the job starts; it is one of the jobs' own log group.",
    )
    for role in (compute.job_role, functions.planner.role, functions.reducer.role, functions.asker.role):
        # The functions list objects. Also, without it S3 answers 403 instead of 404 for a missing object.
        _allow(role, ["s3:ListBucket"], [storage.bucket.bucket_arn])
    # The Map's items and results, and outcomes.
    _allow(
        state_machine.role,
        [*both, "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
        [storage.objects(keys.SWEEPS)],
        because=objects,
    )
    _allow_jobs(stack, state_machine, compute)
    _allow_guard(stack, functions.guard)
    _acknowledge(
        stack,
        state_machine,
        [functions.planner, functions.reducer, functions.sampler, functions.asker, functions.guard],
    )


def _allow_jobs(stack: cdk.Stack, state_machine: sfn.StateMachine, compute: Compute) -> None:
    """Grants exactly what `batch:submitJob.sync` needs.

    https://docs.aws.amazon.com/step-functions/latest/dg/connect-batch.html
    """
    job_arn = stack.format_arn(service="batch", resource="job", resource_name="*")
    # Any revision: an execution that runs during a deploy uses the previous one.
    definition = cdk.Fn.select(5, cdk.Fn.split(":", compute.job_definition.job_definition_arn))
    definition_arn = cdk.Fn.join(":", ["arn", stack.partition, "batch", stack.region, stack.account, definition, "*"])
    targets = [compute.sweep_queue.job_queue_arn, definition_arn]
    _allow(
        state_machine.role,
        ["batch:SubmitJob"],
        targets,
        because="Revisions of the one job definition; an execution that runs during a deploy uses an older one.",
    )
    # Stopping an execution terminates its jobs.
    _allow(
        state_machine.role,
        ["batch:TerminateJob"],
        [job_arn],
        because="Jobs get their ids when they are submitted.",
    )
    _allow(state_machine.role, ["batch:TagResource"], [job_arn, *targets])
    _allow(
        state_machine.role,
        ["batch:DescribeJobs"],
        ["*"],
        because="DescribeJobs, X-Ray's actions and the delivery of logs do not support resources.",
    )
    rule = stack.format_arn(service="events", resource="rule", resource_name="StepFunctionsGetEventsForBatchJobsRule")
    _allow(state_machine.role, ["events:PutTargets", "events:PutRule", "events:DescribeRule"], [rule])


def _allow_guard(stack: cdk.Stack, guard: Function) -> None:
    """Lets the guard look at jobs and end them. It reads and writes no object."""
    _allow(
        guard.role,
        ["batch:ListJobs", "batch:DescribeJobs"],
        ["*"],
        because="Neither ListJobs nor DescribeJobs supports resources.",
    )
    _allow(
        guard.role,
        ["batch:TerminateJob"],
        [stack.format_arn(service="batch", resource="job", resource_name="*")],
        because="Jobs get their ids when they are submitted.",
    )


def _acknowledge(stack: cdk.Stack, state_machine: sfn.StateMachine, functions: Sequence[Function]) -> None:
    """Acknowledges what CDK grants the state machine by itself."""
    acknowledge(
        state_machine,
        "SF1",
        because="Errors are logged. Step Functions keeps the whole history of an execution for 90 days; a second "
        "copy of every event of every trial would only cost.",
    )
    acknowledge_wildcards(
        state_machine.role,
        [f"{function.function.function_arn}:*" for function in functions],
        because="Versions of the functions, as CDK grants them; there are none.",
    )
    name = cdk.Fn.select(6, cdk.Fn.split(":", state_machine.state_machine_arn))
    executions = cdk.Fn.join(":", ["arn", stack.partition, "states", stack.region, stack.account, "execution", name])
    acknowledge_wildcards(
        state_machine,
        [f"{executions}:*", f"{executions}/Trials:*", f"{executions}/Workers:*"],
        because="Executions of this state machine, which a Distributed Map starts and stops, have random names.",
    )


def _allow(role: iam.IRole, actions: list[str], resources: list[str], *, because: str | None = None) -> None:
    """Grants the actions. `because` says why a resource needs a `*`."""
    role.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=resources))
    if because:
        acknowledge_wildcards(role, resources, because=because)
