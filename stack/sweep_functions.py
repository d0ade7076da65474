"""The functions that the state machine calls, each with its environment, time limit and memory."""

import json
from dataclasses import dataclass

from aws_cdk import Duration
from constructs import Construct

from stepsweep.contract import keys
from stepsweep.contract.cost import TUTORIAL_RATES
from stepsweep.stack.compute import Compute
from stepsweep.stack.functions import Function, SamplerLayer
from stepsweep.stack.packages import staged_reducer
from stepsweep.stack.storage import Storage
from stepsweep.stack.trainer_image import TrainerImage
from stepsweep.stack_config import StackConfig

SECONDS_PER_EPOCH = str(TUTORIAL_RATES.seconds_per_epoch)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepFunctions:
    """The functions of the state machine.

    Attributes:
        guard: looks at jobs, and ends them.
    """

    planner: Function
    reducer: Function
    sampler: Function
    asker: Function
    guard: Function


def sweep_functions(
    scope: Construct, *, config: StackConfig, trainer: TrainerImage, storage: Storage, compute: Compute
) -> SweepFunctions:
    """Adds the functions to the scope. So far they may only write their logs."""
    job = config.job
    prices = {keys.USD_PER_HOUR: str(config.usd_per_job_hour), keys.JOB: json.dumps(job.to_json())}
    planner = Function(
        scope,
        "Planner",
        module="planner",
        description="stepsweep: plans the trials of a sweep",
        environment={
            keys.BUCKET: storage.bucket.bucket_name,
            keys.TRAINER_VERSION: trainer.version,
            keys.TRAINER_NAME: trainer.name,
            keys.SECRETS: json.dumps([name for name, _ in config.secrets]),
            keys.DEFAULT_MAX_CONCURRENCY: str(config.max_concurrency),
            keys.JOBS_AT_ONCE: str(max(1, config.max_vcpus // job.vcpus)),
            **prices,
            **({} if config.trainer or config.image else {keys.SECONDS_PER_EPOCH: SECONDS_PER_EPOCH}),
        },
        timeout=Duration.minutes(5),
        memory_mib=1769,  # one whole vCPU: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
        log_retention_days=config.log_retention_days,
    )
    reducer = Function(
        scope,
        "Reducer",
        module="reducer",
        description="stepsweep: picks the winner or the Pareto front of a sweep",
        code=staged_reducer(),
        environment={
            keys.STACK: config.stack_name,
            keys.BUCKET: storage.bucket.bucket_name,
            keys.LOG_GROUP: compute.log_group.log_group_name,
            **prices,
        },
        timeout=Duration.minutes(15),
        memory_mib=1769,
        log_retention_days=config.log_retention_days,
    )
    sampler_layer = SamplerLayer(scope, "SamplerLayer").layer
    sampler = Function(
        scope,
        "Sampler",
        module="sampler",
        description="stepsweep: asks a model which params to try next",
        environment={keys.BUCKET: storage.bucket.bucket_name},
        timeout=Duration.minutes(15),
        memory_mib=1769,
        log_retention_days=config.log_retention_days,
        layers=[sampler_layer],
    )
    asker = Function(
        scope,
        "Asker",
        module="asker",
        description="stepsweep: tells a worker of a free-running search what to train next",
        environment={keys.BUCKET: storage.bucket.bucket_name, keys.JOB: prices[keys.JOB]},
        timeout=Duration.minutes(15),
        memory_mib=1769,
        log_retention_days=config.log_retention_days,
        layers=[sampler_layer],
    )
    guard = Function(
        scope,
        "Guard",
        module="guard",
        description="stepsweep: ends the jobs of a sweep, if none starts or a rule was met",
        environment={
            keys.SWEEP_QUEUE: compute.sweep_queue.job_queue_arn,
            keys.JOB_QUEUE: compute.job_queue.job_queue_arn,
            keys.START_WITHIN_MINUTES: str(config.start_within_minutes),
        },
        timeout=Duration.minutes(15),
        memory_mib=512,
        log_retention_days=config.log_retention_days,
    )
    return SweepFunctions(planner=planner, reducer=reducer, sampler=sampler, asker=asker, guard=guard)
