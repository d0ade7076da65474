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
    ) -> None:
        super().__init__(scope, construct_id)
        if notify is None:
            return
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
        topic = sns.Topic(self, "Ends", display_name="stepsweep", enforce_ssl=True)
        topic.add_subscription(subscriptions.EmailSubscription(notify))
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
        rule.add_target(
            targets.SnsTopic(
                topic,
                # Without the output: it is null if the sweep failed, full of quotes, and up to 256 KiB. EventBridge
                # silently drops a message that it cannot build from its template.
                message=events.RuleTargetInput.from_text(
                    f"The sweep {events.EventField.from_path('$.detail.name')} ended: "
                    f"{events.EventField.from_path('$.detail.status')}\n\n"
                    f"sweep show {events.EventField.from_path('$.detail.name')}"
                ),
            )
        )
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
