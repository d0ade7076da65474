"""What botocore's errors mean to a person."""

import pytest
from botocore import exceptions as aws

from stepsweep.client.deployment import explanation, may_pass, on_endpoint
from stepsweep.contract.means import StackJob
from tests.support.deployed import deploy
from tests.support.stack import REGION, Stack


def answer(code: str, status: int = 400) -> aws.ClientError:
    return aws.ClientError(
        {"Error": {"Code": code, "Message": "no."}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "DescribeStacks",
    )


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (answer("ExpiredToken"), "the AWS credentials have expired (ExpiredToken); run `aws sso login --profile work`"),
        (answer("InvalidClientTokenId"), "AWS does not accept the credentials (InvalidClientTokenId); "),
        (answer("AccessDeniedException"), "AWS does not allow this: An error occurred (AccessDeniedException)"),
        (
            answer("Whatever"),
            "AWS answered: An error occurred (Whatever) when calling the DescribeStacks operation: no",
        ),
        (aws.ReadTimeoutError(endpoint_url="https://x"), "the cloud cannot be reached (Read timeout on endpoint URL"),
        (aws.ConfigParseError(path="config"), "Unable to parse config file: config"),
    ],
)
def test_an_error_says_in_a_line_what_to_do(error: Exception, meaning: str) -> None:
    said = str(explanation(error, profile="work"))
    assert said.startswith(meaning)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (answer("ThrottlingException"), True),
        (answer("TooManyRequestsException", 429), True),
        (answer("InternalFailure", 500), True),
        (aws.EndpointConnectionError(endpoint_url="https://x"), True),
        (aws.ConnectionClosedError(endpoint_url="https://x"), True),
        (answer("AccessDenied", 403), False),
        (answer("ExpiredToken"), False),
        (aws.NoCredentialsError(), False),
    ],
)
def test_what_may_pass_is_waited_for(error: Exception, passes: bool) -> None:
    assert may_pass(error) is passes


def test_a_stack_s_outputs_say_what_is_deployed(server: str) -> None:
    made = deploy(server)
    found = on_endpoint(made.environment, stack=made.name)
    assert (found.stack, found.region, found.bucket, found.job_queue) == (made.name, REGION, made.bucket, made.queue)
    assert found.state_machine_arn.endswith(f":stateMachine:{made.name}-sweep")
    assert (found.log_group, found.trainer_command, found.trainer_version) == (f"{made.name}-Jobs", (), "1")
    assert (found.usd_per_hour, found.instance_types, found.max_concurrency) == (0.526, ("g4dn.xlarge",), 1000)
    assert found.job == StackJob()


@pytest.mark.slow
def test_an_embedded_cloud_is_found_whatever_a_person_has_set(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = "http://127.0.0.1:9"
    for name, value in {
        "AWS_PROFILE": "not-there",
        "AWS_ENDPOINT_URL": nowhere,
        "AWS_ENDPOINT_URL_S3": nowhere,
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_REGION": "us-gov-west-1",
        "HTTP_PROXY": nowhere,
        "http_proxy": nowhere,
    }.items():
        monkeypatch.setenv(name, value)
    found = on_endpoint(stack.environment, stack=stack.name)
    assert found.s3.list_objects_v2(Bucket=found.bucket)["KeyCount"] == 0
    assert found.region == "eu-west-1"
