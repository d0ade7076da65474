"""The stack: connects the constructs."""

import json
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stepsweep.contract import keys
from stepsweep.contract.deployed import TAG, Output
from stepsweep.stack.compute import Compute
from stepsweep.stack.log_groups import log_group
from stepsweep.stack.machines import SEES_ALL_GPUS
from stepsweep.stack.network import Network
from stepsweep.stack.notices import Notices
from stepsweep.stack.permissions import grant_permissions
from stepsweep.stack.storage import Storage
from stepsweep.stack.sweep_functions import sweep_functions
from stepsweep.stack.trainer_image import TrainerImage, trainer_image
from stepsweep.stack_config import StackConfig
from stepsweep.statemachine.definition.sweep import SweepDefinition
from stepsweep.trainer_script import script_of


class SweepStack(cdk.Stack):
    """Everything that sweeps need in one account and region. Between sweeps nothing of it runs."""

    def __init__(self, scope: Construct, construct_id: str, *, config: StackConfig) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=config.stack_name,
            description="stepsweep: hyperparameter search with Step Functions and Batch",
            analytics_reporting=False,
        )
        trainer = trainer_image(self, config)
        storage = Storage(
            self, "Storage", checkpoint_days=config.checkpoint_days, log_retention_days=config.log_retention_days
        )
        network = Network(self, "Network", config=config)
        compute = Compute(
            self,
            "Compute",
            config=config,
            network=network,
            image=trainer.image,
            repository=trainer.repository,
            environment={
                keys.BUCKET: storage.bucket.bucket_name,
                # A container sees all processors of its machine, and two trials on one machine would compete for them.
                keys.THREADS: str(config.job.vcpus),
                **(SEES_ALL_GPUS if config.trials_per_gpu > 1 else {}),
                # Only newer ECS agents set a region, and without one a client of any service but S3 cannot be made.
                # https://github.com/aws/containers-roadmap/issues/1611
                "AWS_REGION": self.region,
                "AWS_DEFAULT_REGION": self.region,
            },
        )
        functions = sweep_functions(self, config=config, trainer=trainer, storage=storage, compute=compute)
        definition = SweepDefinition(
            self,
            "Definition",
            bucket=storage.bucket,
            sweeps=storage.objects(keys.SWEEPS),
            job_queue=compute.sweep_queue,
            job_definition=compute.job_definition,
            planner=functions.planner.function,
            reducer=functions.reducer.function,
            sampler=functions.sampler.function,
            asker=functions.asker.function,
            guard=functions.guard.function,
            start_within=Duration.minutes(config.start_within_minutes),
        )
        state_machine = self._state_machine(config, definition)
        grant_permissions(self, storage=storage, compute=compute, functions=functions, state_machine=state_machine)

        Notices(
            self,
            "Notices",
            state_machine=state_machine,
            functions={
                "Planner": functions.planner.function,
                "Reducer": functions.reducer.function,
                "Sampler": functions.sampler.function,
                "Asker": functions.asker.function,
                "Guard": functions.guard.function,
            },
            notify=config.notify,
            storage=storage,
            stack_name=config.stack_name,
            log_retention_days=config.log_retention_days,
        )
        cdk.Tags.of(self).add(*TAG)
        self._output_all(config, trainer, storage, network, compute, state_machine)

    def _state_machine(self, config: StackConfig, definition: SweepDefinition) -> sfn.StateMachine:
        return sfn.StateMachine(
            self,
            "Sweep",
            state_machine_name=f"{config.stack_name}-sweep",  # a name that a person can type
            comment='Hyperparameter search. Input: {"parameters": {"lr": [0.1, 0.01]}, "epochs": 10}',
            definition_body=sfn.DefinitionBody.from_chainable(definition.start),
            timeout=Duration.days(14),
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=log_group(
                    self,
                    "ExecutionLogs",
                    retention_days=config.log_retention_days,
                    # Below this prefix a log adds nothing to the account's one policy for deliveries, which is limited:
                    # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
                    name=f"/aws/vendedlogs/states/{config.stack_name}-sweep",
                ),
                level=sfn.LogLevel.ERROR,
                include_execution_data=False,  # a person's params stay in the bucket
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _output_all(
        self,
        config: StackConfig,
        trainer: TrainerImage,
        storage: Storage,
        network: Network,
        compute: Compute,
        state_machine: sfn.StateMachine,
    ) -> None:
        """Leaves what clients need to know of the stack."""
        results = "Results: sweeps/<name>/leaderboard.csv, and winner.json or front.json"
        self._output(Output.BUCKET, storage.bucket.bucket_name, results)
        self._output(Output.STATE_MACHINE_ARN, state_machine.state_machine_arn, "Start executions of this one")
        self._output(Output.JOB_QUEUE, compute.job_queue.job_queue_name, "For jobs that you submit")
        self._output(Output.SWEEP_QUEUE, compute.sweep_queue.job_queue_name, "Where trials wait")
        self._output(Output.JOB_DEFINITION, compute.job_definition.job_definition_arn, "For jobs that you submit")
        self._output(Output.JOB_LOG_GROUP, compute.log_group.log_group_name, "What trials print")
        script = script_of(Path(config.trainer)) if config.trainer else None
        words = list(script.entrypoint) if script else []
        self._output(Output.TRAINER_VERSION, trainer.version, "What names the trainer's code in the ids of trials")
        self._output(Output.JOB, json.dumps(config.job.to_json()), "What a trial gets that asks for nothing")
        self._output_choices(config, network)
        self._output(Output.TRAINER_COMMAND, json.dumps(words), "The `command` of a spec file that it was deployed for")

    def _output_choices(self, config: StackConfig, network: Network) -> None:
        self._output(Output.MAX_VCPUS, str(config.max_vcpus), "Of all trials at once")
        self._output(Output.CAPACITY, config.capacity, "Which machines trials run on")
        self._output(Output.USD_PER_HOUR, str(config.usd_per_job_hour), "Price of one job's machine, for estimates")
        self._output(Output.INSTANCE_TYPES, ",".join(config.instance_types), "Machines that may start")
        self._output(Output.MAX_CONCURRENCY, str(config.max_concurrency), "Most trials that a sweep submits at once")
        self._output(Output.ZONES, network.zones, "Where its network is, which a later deploy does not change")

    def _output(self, name: Output, value: str, description: str) -> None:
        cdk.CfnOutput(self, name.value, value=value, description=description)
