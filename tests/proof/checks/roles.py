"""Who may do what, by somebody else's policy evaluator: what each principal needs, and what it must not do.

A rule names a principal, an action and a resource as AWS asks about them when the request is made:
https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any

from ministack.core import iam_evaluator
from moto.iam.aws_managed_policies import aws_managed_policies_data

from stepsweep.stack_config import ECR_IMAGE
from tests.proof.checks.check import Findings
from tests.proof.subject import ACCOUNT, REGION, Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one principal may do to one resource, or must not.

    Attributes:
        resource: an ARN with names of `_names` in braces.
        tls: the version that the request comes over, None for plain HTTP.
        replaces: whether a PutObject may take the place of an object, without `If-None-Match: *`.
    """

    who: str
    may: bool
    action: str
    resource: str
    tls: str | None = "1.3"
    replaces: bool = False

    def __str__(self) -> str:
        over = "" if self.tls == "1.3" else f" over {f'TLS {self.tls}' if self.tls else 'plain HTTP'}"
        how = f"{over}{' in place of what is there' if self.replaces else ''}"
        return f"{self.who} {'may' if self.may else 'must not'} {self.action} {self.resource}{how}"


def _rules(who: str, *, may: bool, rules: Mapping[str, tuple[str, ...]]) -> list[Rule]:
    return [
        Rule(who=who, may=may, action=action, resource=resource)
        for actions, resources in rules.items()
        for action in actions.split()
        for resource in resources
    ]


NOBODY = {
    "iam:PassRole iam:CreateRole sts:AssumeRole": ("arn:aws:iam::{account}:role/Admin",),
    "s3:DeleteObject s3:DeleteObjectVersion": ("{bucket}/trials/t/metrics-e1.csv", "{bucket}/sweeps/s/winner.json"),
    "s3:GetObject s3:PutObject": ("arn:aws:s3:::another-bucket/trials/t/metrics-e1.csv",),
    "s3:PutBucketPolicy s3:DeleteBucket s3:PutLifecycleConfiguration": ("{bucket}",),
    "ec2:RunInstances batch:RegisterJobDefinition batch:UpdateComputeEnvironment": ("*",),
    "secretsmanager:GetSecretValue": ("arn:aws:secretsmanager:{region}:{account}:secret:theirs",),
}
STARTS = {
    "batch:SubmitJob": ("{queue}", "{definition}"),
    "batch:TerminateJob": ("{job}",),
    "lambda:InvokeFunction": ("{planner}",),
    "states:StartExecution": ("{machine}",),
}

RULES = [
    *_rules(
        "trainer",
        may=True,
        rules={
            "s3:GetObject s3:PutObject": ("{bucket}/trials/t/metrics-e1.csv", "{bucket}/checkpoints/t/checkpoint.pt"),
            "s3:PutObject": ("{bucket}/artifacts/new/t/e1/best.pt", "{bucket}/metrics_lr0.0100_m0.1000.csv"),
            "s3:ListBucket": ("{bucket}",),
        },
    ),
    *_rules(
        "trainer",
        may=False,
        rules={
            **NOBODY,
            **STARTS,
            "s3:GetObject s3:PutObject": (
                "{bucket}/sweeps/s/winner.json",
                "{bucket}/sweeps/s/note.json",
                "{bucket}/artifacts/kept/t/e1/best.pt",
                "arn:aws:s3:::another-bucket/trials/t/x",
            ),
            "s3:DeleteObject": ("{bucket}/artifacts/new/t/e1/best.pt", "{bucket}/artifacts/kept/t/e1/best.pt"),
            "logs:GetLogEvents": ("{job_log_stream}",),
        },
    ),
    *_rules(
        "planner",
        may=True,
        rules={
            "s3:GetObject s3:PutObject": ("{bucket}/sweeps/s/round-0/to-run.json",),
            "s3:GetObject": ("{bucket}/trials/t/metrics-e1.csv",),
            "s3:ListBucket": ("{bucket}",),
            "logs:CreateLogStream logs:PutLogEvents": ("{planner_log_stream}",),
            "xray:PutTraceSegments xray:PutTelemetryRecords": ("*",),
        },
    ),
    *_rules(
        "planner",
        may=False,
        rules={
            **NOBODY,
            **STARTS,
            "s3:PutObject": ("{bucket}/trials/t/metrics-e1.csv", "{bucket}/checkpoints/t/checkpoint.pt"),
            "logs:GetLogEvents": ("{job_log_stream}",),
        },
    ),
    *_rules(
        "reducer",
        may=True,
        rules={
            "s3:GetObject s3:PutObject": ("{bucket}/sweeps/s/leaderboard.csv", "{bucket}/artifacts/kept/t/e1/best.pt"),
            "s3:GetObject": ("{bucket}/trials/t/metrics-e1.csv", "{bucket}/artifacts/new/t/e1/best.pt"),
            "s3:ListBucket": ("{bucket}",),
            "logs:CreateLogStream logs:PutLogEvents": ("{reducer_log_stream}",),
            "logs:GetLogEvents": ("{job_log_stream}",),
            "xray:PutTraceSegments xray:PutTelemetryRecords": ("*",),
        },
    ),
    *_rules(
        "reducer",
        may=False,
        rules={
            **NOBODY,
            **STARTS,
            "s3:PutObject": (
                "{bucket}/trials/t/metrics-e1.csv",
                "{bucket}/checkpoints/t/checkpoint.pt",
                "{bucket}/artifacts/new/t/e1/best.pt",
            ),
            "s3:DeleteObject": ("{bucket}/artifacts/new/t/e1/best.pt", "{bucket}/artifacts/kept/t/e1/best.pt"),
            "logs:GetLogEvents": ("{planner_log_stream}",),
            "logs:DeleteLogGroup logs:DeleteLogStream": ("{job_log_stream}",),
        },
    ),
    *_rules(
        "sampler",
        may=True,
        rules={
            "s3:GetObject": ("{bucket}/sweeps/s/round-0/results.json",),
            "s3:PutObject": ("{bucket}/sweeps/s/round-1/proposed.json",),
            "logs:CreateLogStream logs:PutLogEvents": ("{sampler_log_stream}",),
            "xray:PutTraceSegments xray:PutTelemetryRecords": ("*",),
        },
    ),
    *_rules(
        "sampler",
        may=False,
        rules={
            **NOBODY,
            **STARTS,
            "s3:GetObject s3:PutObject": (
                "{bucket}/trials/t/metrics-e1.csv",
                "{bucket}/checkpoints/t/checkpoint.pt",
                "arn:aws:s3:::another-bucket/sweeps/s/winner.json",
            ),
            "s3:ListBucket": ("{bucket}",),
            "logs:GetLogEvents": ("{job_log_stream}",),
        },
    ),
    *_rules(
        "asker",
        may=True,
        rules={
            "s3:GetObject s3:PutObject": ("{bucket}/sweeps/s/log/00000001.json", "{bucket}/sweeps/s/snapshot.json"),
            "s3:PutObject": ("{bucket}/sweeps/s/round-0/outcomes/t.json",),
            "s3:GetObject": ("{bucket}/trials/t/metrics-e1.csv",),
            "s3:ListBucket": ("{bucket}",),
            "logs:CreateLogStream logs:PutLogEvents": ("{asker_log_stream}",),
            "xray:PutTraceSegments xray:PutTelemetryRecords": ("*",),
        },
    ),
    *_rules(
        "asker",
        may=False,
        rules={
            **NOBODY,
            **STARTS,
            "s3:PutObject": ("{bucket}/trials/t/metrics-e1.csv", "{bucket}/checkpoints/t/checkpoint.pt"),
            "s3:GetObject": ("{bucket}/checkpoints/t/checkpoint.pt",),
            "logs:GetLogEvents": ("{job_log_stream}",),
        },
    ),
    *_rules(
        "guard",
        may=True,
        rules={
            "batch:ListJobs batch:DescribeJobs": ("*",),
            "batch:TerminateJob": ("{job}",),
            "logs:CreateLogStream logs:PutLogEvents": ("{guard_log_stream}",),
            "xray:PutTraceSegments xray:PutTelemetryRecords": ("*",),
        },
    ),
    *_rules(
        "guard",
        may=False,
        rules={
            **NOBODY,
            **{action: resources for action, resources in STARTS.items() if action != "batch:TerminateJob"},
            "s3:GetObject s3:PutObject": ("{bucket}/trials/t/metrics-e1.csv", "{bucket}/sweeps/s/winner.json"),
            "s3:ListBucket": ("{bucket}",),
            "batch:CancelJob batch:UpdateJobQueue": ("*",),
            "states:StopExecution": ("{executions}:e",),
            "logs:GetLogEvents": ("{job_log_stream}",),
        },
    ),
    *_rules(
        "state machine",
        may=True,
        rules={
            "lambda:InvokeFunction": ("{planner}", "{reducer}", "{sampler}", "{asker}", "{guard}"),
            "batch:SubmitJob": ("{queue}", "{definition}", "{next_revision}"),
            "batch:TagResource": ("{job}",),
            "batch:TerminateJob": ("{job}",),
            "batch:DescribeJobs": ("*",),
            "events:PutTargets events:PutRule events:DescribeRule": (
                "arn:aws:events:{region}:{account}:rule/StepFunctionsGetEventsForBatchJobsRule",
            ),
            "s3:GetObject": ("{bucket}/sweeps/s/round-0/to-run.json",),
            "s3:PutObject": (
                "{bucket}/sweeps/s/round-0/outcomes/t.json",
                "{bucket}/sweeps/s/round-0/map/manifest.json",
            ),
            "s3:AbortMultipartUpload s3:ListMultipartUploadParts": ("{bucket}/sweeps/s/round-0/map/SUCCEEDED_0.json",),
            # https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
            "states:StartExecution": ("{machine}",),
            "states:DescribeExecution states:StopExecution": ("{executions}:e",),
            "states:RedriveExecution": ("{executions}/{trials_label}:e", "{executions}/{workers_label}:e"),
            # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
            "logs:CreateLogDelivery logs:GetLogDelivery logs:UpdateLogDelivery logs:DeleteLogDelivery": ("*",),
            "logs:ListLogDeliveries logs:PutResourcePolicy logs:DescribeResourcePolicies logs:DescribeLogGroups": (
                "*",
            ),
            "xray:PutTraceSegments xray:PutTelemetryRecords xray:GetSamplingRules xray:GetSamplingTargets": ("*",),
        },
    ),
    *_rules(
        "state machine",
        may=False,
        rules={
            **NOBODY,
            "batch:SubmitJob": (
                "arn:aws:batch:{region}:{account}:job-queue/another",
                "{queue_by_hand}",
                "arn:aws:batch:{region}:{account}:job-definition/another:1",
            ),
            "lambda:InvokeFunction": ("arn:aws:lambda:{region}:{account}:function:another",),
            "states:StartExecution": ("arn:aws:states:{region}:{account}:stateMachine:another",),
            "states:StopExecution": ("arn:aws:states:{region}:{account}:execution:another:e",),
            "events:PutRule": ("arn:aws:events:{region}:{account}:rule/another",),
            "s3:PutObject": ("{bucket}/trials/t/metrics-e1.csv", "{bucket}/checkpoints/t/checkpoint.pt"),
            "s3:GetObject": ("{bucket}/trials/t/metrics-e1.csv",),
        },
    ),
    *_rules(
        "container start",
        may=True,
        rules={"logs:CreateLogStream logs:PutLogEvents": ("{job_log_stream}",)},
    ),
    *_rules(
        "container start", may=False, rules={**NOBODY, **STARTS, "s3:GetObject": ("{bucket}/trials/t/metrics-e1.csv",)}
    ),
    *_rules(
        "machine",
        may=True,
        rules={
            "ecs:RegisterContainerInstance ecs:Poll ecs:DiscoverPollEndpoint ecs:StartTelemetrySession": ("*",),
            "ecs:SubmitTaskStateChange ecs:SubmitContainerStateChange ecs:UpdateContainerInstancesState": ("*",),
            "logs:CreateLogStream logs:PutLogEvents": ("{job_log_stream}",),
        },
    ),
    *_rules(
        "machine",
        may=False,
        rules={
            **NOBODY,
            **STARTS,
            "s3:GetObject s3:PutObject": ("{bucket}/trials/t/metrics-e1.csv", "{bucket}/sweeps/s/winner.json"),
            "ecs:CreateCluster ecs:RunTask ecs:ExecuteCommand ecs:StopTask": ("*",),
            "logs:PutLogEvents logs:GetLogEvents": ("{planner_log_stream}",),
            "ecr:BatchGetImage ecr:PutImage": ("arn:aws:ecr:{region}:{account}:repository/theirs",),
        },
    ),
    *_rules(
        "emptying function",
        may=True,
        rules={
            "s3:ListBucket s3:ListBucketVersions s3:GetBucketTagging": ("{bucket}",),
            "s3:DeleteObject s3:DeleteObjectVersion": ("{bucket}/trials/t/metrics-e1.csv",),
        },
    ),
    *_rules(
        "emptying function",
        may=False,
        rules={
            **STARTS,
            "s3:DeleteObject": ("arn:aws:s3:::another-bucket/x",),
            "s3:GetObject": ("{bucket}/trials/t/x",),
        },
    ),
    *(
        Rule(who="trainer", may=False, action="s3:PutObject", resource="{bucket}/trials/t/metrics-e1.csv", tls=tls)
        for tls in (None, "1.1")
    ),
    *(
        Rule(who="trainer", may=may, action="s3:PutObject", resource=f"{{bucket}}/{key}", replaces=True)
        for may, key in (
            (False, "trials/t/metrics-e1.csv"),
            (True, "trials/t/summary-e1.json"),
            (True, "checkpoints/t/checkpoint.pt"),
            (True, "checkpoints/t/live.csv"),
        )
    ),
    Rule(who="planner", may=True, action="s3:PutObject", resource="{bucket}/sweeps/s/plan.json", replaces=True),
]

TRUSTED = {
    "trainer": "ecs-tasks.amazonaws.com",
    "container start": "ecs-tasks.amazonaws.com",
    "machine": "ec2.amazonaws.com",
    "planner": "lambda.amazonaws.com",
    "reducer": "lambda.amazonaws.com",
    "sampler": "lambda.amazonaws.com",
    "asker": "lambda.amazonaws.com",
    "guard": "lambda.amazonaws.com",
    "emptying function": "lambda.amazonaws.com",
    "state machine": "states.amazonaws.com",
}
"""Which service may take a role; nobody else may."""

QUEUE = "AWS::Batch::JobQueue"

OF_ONE_ACCOUNT = ("trainer", "state machine")
"""Whose service says for which account it takes the role. By their documentation EC2 and Lambda do not, and ECS does
for the role of a task only, not for that of a container's start."""


def findings(subject: Subject) -> Findings:
    access = Access(subject)
    yield from (f"not so: {rule}" for rule in RULES if access.is_allowed(rule) != rule.may)
    for who in TRUSTED:
        yield from (f"{who}: {fault}" for fault in access.faults_of_trust(who))
    yield from _faults_of_topics(subject)
    yield from _faults_of_pulling(subject, access)
    yield from _faults_of_the_notifier(subject, access)
    strangers = set(subject.ids("AWS::IAM::Role")) - {role for roles in access.roles.values() for role in roles}
    strangers -= set(access.of_function("notifier"))
    yield from (f"{name}: nobody has said what this role is for" for name in sorted(strangers))


class Access:
    """The policies of a template, asked as AWS asks them."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._policies = {role: list(self._policies_of(role)) for role in subject.ids("AWS::IAM::Role")}
        self._of_buckets = [found["PolicyDocument"] for found in subject.all("AWS::S3::BucketPolicy").values()]

    def is_allowed(self, rule: Rule) -> bool:
        """Whether every role of the principal is; it has more than one where there are two kinds of machines."""
        context = partial(
            _context,
            action=rule.action,
            resource=rule.resource.format_map(self.names),
            tls=rule.tls,
            replaces=rule.replaces,
        )
        return all(
            self._decides(role, context(f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/session"))
            for role in self.roles[rule.who]
        )

    def faults_of_trust(self, who: str) -> Iterator[str]:
        for role in self.roles[who]:
            document = self._subject.all("AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]
            source = self.names["machine"] if who == "state machine" else None
            services = {*TRUSTED.values(), "batch.amazonaws.com", "s3.amazonaws.com"}
            taken_by = {service for service in services if _trusts(document, service, source)}
            if taken_by != {TRUSTED[who]}:
                yield f"its role may be taken by {sorted(taken_by)}"
            if who in OF_ONE_ACCOUNT and _trusts(document, TRUSTED[who], source, account="999999999999"):
                yield "its role may be taken for another account"
            for stranger in (f"arn:aws:iam::{ACCOUNT}:root", "arn:aws:iam::999999999999:user/stranger"):
                context = _context(stranger, action="sts:AssumeRole", resource="*")
                if iam_evaluator.evaluate_resource_policy(document, context).decision == "Allow":
                    yield f"its role may be taken by {stranger}"

    def of_function(self, name: str) -> list[str]:
        """Returns the logical ids of the roles of a function; none where the stack has no such function."""
        by_arn = {self._subject.arn(role): role for role in self._subject.ids("AWS::IAM::Role")}
        functions = self._subject.all("AWS::Lambda::Function").values()
        return [by_arn[each["Role"]] for each in functions if name in each["Handler"]]

    def may(self, role: str, action: str, resource: str) -> bool:
        """Whether a role may do something to a resource over TLS."""
        context = _context(f"arn:aws:iam::{ACCOUNT}:role/{role}", action=action, resource=resource)
        return self._decides(role, context)

    @cached_property
    def roles(self) -> dict[str, list[str]]:
        """The logical ids of each principal's roles, by where the template uses them."""
        subject = self._subject
        by_arn = {subject.arn(name): name for name in subject.ids("AWS::IAM::Role")}
        functions = subject.all("AWS::Lambda::Function").values()
        container = subject.one("AWS::Batch::JobDefinition")["ContainerProperties"]
        environments = subject.all("AWS::Batch::ComputeEnvironment").values()
        profiles = {subject.arn(name): found for name, found in subject.all("AWS::IAM::InstanceProfile").items()}
        return {
            "trainer": [by_arn[container["JobRoleArn"]]],
            "container start": [by_arn[container["ExecutionRoleArn"]]],
            "machine": [
                role
                for environment in environments
                for role in profiles[environment["ComputeResources"]["InstanceRole"]]["Roles"]
            ],
            "planner": [by_arn[function["Role"]] for function in functions if "planner" in function["Handler"]],
            "reducer": [by_arn[function["Role"]] for function in functions if "reducer" in function["Handler"]],
            "sampler": [by_arn[function["Role"]] for function in functions if "sampler" in function["Handler"]],
            "asker": [by_arn[function["Role"]] for function in functions if "asker" in function["Handler"]],
            "guard": [by_arn[function["Role"]] for function in functions if "guard" in function["Handler"]],
            "emptying function": [
                by_arn[function["Role"]] for function in functions if "python" not in function["Runtime"]
            ],
            "state machine": [by_arn[subject.one("AWS::StepFunctions::StateMachine")["RoleArn"]]],
        }

    @cached_property
    def names(self) -> dict[str, str]:
        """What rules call the ARNs of the stack."""
        subject = self._subject
        (bucket,) = subject.ids("AWS::S3::Bucket")
        (machine,) = map(subject.arn, subject.ids("AWS::StepFunctions::StateMachine"))
        queues = {"SchedulingPolicyArn" in queue: subject.arn(name) for name, queue in subject.all(QUEUE).items()}
        (definition,) = map(subject.arn, subject.ids("AWS::Batch::JobDefinition"))
        functions = {
            function["Handler"].split(".")[-2]: (subject.arn(name), function.get("LoggingConfig", {}).get("LogGroup"))
            for name, function in subject.all("AWS::Lambda::Function").items()
            if "python" in function["Runtime"]
        }
        container = subject.one("AWS::Batch::JobDefinition")["ContainerProperties"]
        stream = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{{}}:log-stream:trial/default/0123".format
        trials, workers = (state["Label"] for _, state, _ in subject.states() if state["Type"] == "Map")
        return {
            "account": ACCOUNT,
            "region": REGION,
            "bucket": subject.arn(bucket),
            "machine": machine,
            "executions": machine.replace(":stateMachine:", ":execution:"),
            "trials_label": trials,
            "workers_label": workers,
            "queue": queues[True],
            "queue_by_hand": queues[False],
            "definition": definition,
            "next_revision": f"{definition.rpartition(':')[0]}:2",
            "job": f"arn:aws:batch:{REGION}:{ACCOUNT}:job/01234567-89ab-cdef-0123-456789abcdef",
            "planner": functions["planner"][0],
            "reducer": functions["reducer"][0],
            "sampler": functions["sampler"][0],
            "asker": functions["asker"][0],
            "guard": functions["guard"][0],
            "planner_log_stream": stream(functions["planner"][1]),
            "reducer_log_stream": stream(functions["reducer"][1]),
            "sampler_log_stream": stream(functions["sampler"][1]),
            "asker_log_stream": stream(functions["asker"][1]),
            "guard_log_stream": stream(functions["guard"][1]),
            "job_log_stream": stream(container["LogConfiguration"]["Options"]["awslogs-group"]),
        }

    def _decides(self, role: str, context: iam_evaluator.EvalContext) -> bool:
        """By the role's own policies and those of the bucket."""
        decisions = {iam_evaluator.evaluate(context, self._policies[role]).decision}
        decisions |= {iam_evaluator.evaluate_resource_policy(found, context).decision for found in self._of_buckets}
        return "Deny" not in decisions and "Allow" in decisions

    def _policies_of(self, role: str) -> Iterator[list[iam_evaluator.ParsedStatement]]:
        properties = self._subject.all("AWS::IAM::Role")[role]
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [
            policy["PolicyDocument"]
            for policy in self._subject.all("AWS::IAM::Policy").values()
            if role in policy["Roles"]
        ]
        documents += [_managed(arn) for arn in properties.get("ManagedPolicyArns", [])]
        return map(iam_evaluator.parse_policy_document, documents)


def _faults_of_pulling(subject: Subject, access: Access) -> Iterator[str]:
    """Yields who cannot pull the image. AWS says the machine does it, and the agent's code that either may:
    https://docs.aws.amazon.com/AmazonECR/latest/userguide/ECR_on_ECS.html"""
    image = subject.one("AWS::Batch::JobDefinition")["ContainerProperties"]["Image"]
    found = ECR_IMAGE.fullmatch(image)
    if found is None:
        return
    repository = f"arn:aws:ecr:{found['region']}:{found['account']}:repository/{found['repository']}"
    pulls = {
        "ecr:GetAuthorizationToken": "*",
        "ecr:BatchGetImage": repository,
        "ecr:GetDownloadUrlForLayer": repository,
    }
    for who in ("machine", "container start"):
        for action, resource in pulls.items():
            if not access.is_allowed(Rule(who=who, may=True, action=action, resource=resource)):
                yield f"{who}: cannot pull the image, {action} {resource} is denied"


def _faults_of_the_notifier(subject: Subject, access: Access) -> Iterator[str]:
    """Yields what the function that sends e-mails cannot do, or may do beside: it may read what it signs links to."""
    bucket = access.names["bucket"]
    wanted = {
        ("s3:GetObject", f"{bucket}/sweeps/s/report.html"): True,
        ("s3:GetObject", f"{bucket}/sweeps/s/latest.json"): True,
        ("s3:GetObject", f"{bucket}/sweeps/s/winner.json"): False,
        ("s3:GetObject", f"{bucket}/trials/t/metrics-e1.csv"): False,
        ("s3:PutObject", f"{bucket}/sweeps/s/report.html"): False,
        ("s3:ListBucket", bucket): False,
        ("states:StartExecution", access.names["machine"]): False,
        **{("sns:Publish", subject.arn(topic)): True for topic in subject.ids("AWS::SNS::Topic")},
        ("sns:Publish", f"arn:aws:sns:{REGION}:{ACCOUNT}:another"): False,
    }
    for role in access.of_function("notifier"):
        for (action, resource), may in wanted.items():
            if access.may(role, action, resource) != may:
                yield f"notifier: {'cannot' if may else 'may'} {action} {resource}"


def _faults_of_topics(subject: Subject) -> Iterator[str]:
    """Yields who may or may not publish, against what is meant: alarms. The notifier may by its own policy."""
    wanted = {"cloudwatch.amazonaws.com"}
    for policy in subject.all("AWS::SNS::TopicPolicy").values():
        for topic in policy["Topics"]:
            for tls in ("1.3", None):
                principal = f"arn:aws:iam::{ACCOUNT}:role/service"
                context = _context(principal, action="sns:Publish", resource=topic, tls=tls)
                decide = partial(iam_evaluator.evaluate_resource_policy, policy["PolicyDocument"], context)
                everybody = (*wanted, "s3.amazonaws.com", None)
                publish = {service for service in everybody if decide(service).decision == "Allow"}
                if publish != (wanted if tls else set()):
                    yield f"{topic}: over TLS {tls}, {sorted(map(str, publish))} may publish"


def _context(
    principal: str, *, action: str, resource: str, tls: str | None = "1.3", replaces: bool = False
) -> iam_evaluator.EvalContext:
    conditions = {"s3:tlsversion": tls} if tls else {}
    if action == "s3:PutObject":
        conditions |= {"s3:objectcreationoperation": "true", **({} if replaces else {"s3:if-none-match": "*"})}
    return iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=action,
        resource_arn=resource,
        region=REGION,
        source_ip="10.0.0.1",
        secure_transport=tls is not None,
        service_context=conditions,
    )


def _trusts(document: dict[str, Any], service: str, source: str | None, *, account: str = ACCOUNT) -> bool:
    context = _context(f"arn:aws:iam::{ACCOUNT}:role/service", action="sts:AssumeRole", resource="*")
    context.service_context["aws:sourceaccount"] = account
    if source:
        context.service_context["aws:sourcearn"] = source
    return bool(iam_evaluator.evaluate_resource_policy(document, context, service=service).decision == "Allow")


@cache
def _managed(arn: str) -> dict[str, Any]:
    """Returns AWS's own policy, as moto ships it."""
    policy: dict[str, Any] = json.loads(aws_managed_policies_data)[arn.rpartition("/")[2]]["Document"]
    return policy
