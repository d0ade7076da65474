"""Notifications: alarms when sweeps break, and an e-mail when one ends."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stepsweep.contract import keys
from stepsweep.stack.acknowledged import acknowledge_wildcards
from stepsweep.stack.functions import Function
from stepsweep.stack.storage import Storage

HOUR = Duration.hours(1)


class Notices(Construct):
    """E-mails about ended sweeps, and about alarms on failures that no trial caused. Nothing without an address.

    Wrong input and a sweep without a winner also fail the execution, but raise no alarm: the person who started it sees
    that.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        state_machine: sfn.StateMachine,
        functions: dict[str, lambda_.IFunction],
        notify: str | None,
        storage: Storage,
        stack_name: str,
        log_retention_days: int,
    ) -> None:
        super().__init__(scope, construct_id)
        if notify is None:
            return
        topic = sns.Topic(self, "Ends", display_name="stepsweep", enforce_ssl=True)
        topic.add_subscription(subscriptions.EmailSubscription(notify))
        notifier = Function(
            self,
            "Notifier",
            module="notifier",
            description="stepsweep: sends an e-mail when a sweep ends",
            environment={
                keys.BUCKET: storage.bucket.bucket_name,
                keys.STACK: stack_name,
                keys.TOPIC: topic.topic_arn,
            },
            timeout=Duration.minutes(1),
            memory_mib=512,
            log_retention_days=log_retention_days,
        )
        topic.grant_publish(notifier.role)
        # What it signs a link for: a signature allows no more than its signer may do.
        read = [
            storage.bucket.arn_for_objects(f"{keys.SWEEPS}*/{name}") for name in (keys.REPORT_NAME, keys.LATEST_NAME)
        ]
        notifier.role.add_to_principal_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=read))
        acknowledge_wildcards(
            notifier.role, read, because="Two objects of each sweep; nobody knows the names of sweeps."
        )
        functions = {**functions, "Notifier": notifier.function}
        alarms = [
            self._alarm(
                f"{name}Errors",
                function.metric_errors(period=HOUR, statistic=cloudwatch.Stats.SUM),
                "A function of a sweep failed. Wrong input is no error of it",
            )
            for name, function in functions.items()
        ]
        alarms.append(
            self._alarm(
                "TimedOut",
                state_machine.metric_timed_out(period=HOUR, statistic=cloudwatch.Stats.SUM),
                "A sweep ran until its time was over",
            )
        )
        rule = events.Rule(
            self,
            "SweepEnds",
            description="A sweep ended, well or not",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [state_machine.state_machine_arn],
                    "status": ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"],
                },
            ),
        )
        rule.add_target(targets.LambdaFunction(notifier.function))
        topic.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
        for alarm in alarms:
            alarm.add_alarm_action(actions.SnsAction(topic))

    def _alarm(self, construct_id: str, metric: cloudwatch.Metric, description: str) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            construct_id,
            alarm_description=description,
            metric=metric,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
