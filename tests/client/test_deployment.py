"""What botocore's errors mean to a person, and how a deployed stack is found."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions as aws

from stepsweep.client.deployment import CloudError, clients_of, explanation, may_pass, on_aws, on_endpoint
from stepsweep.contract.deployed import Output
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.means import StackJob
from tests.support.command import Sweep
from tests.support.deployed import deploy
from tests.support.stack import REGION, Stack, environment_of


def answer(code: str, status: int = 400) -> aws.ClientError:
    return aws.ClientError(
        {"Error": {"Code": code, "Message": "no\n at all."}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "DescribeStacks",
    )


LOGIN = "run `aws sso login --profile work`"
NETWORK = "check the network and the region"


@pytest.mark.parametrize(
    ("error", "what", "remedy"),
    [
        *(
            (answer(code), f"the AWS credentials have expired ({code})", f"{LOGIN}, or renew them where they come from")
            for code in ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
        ),
        *(
            (
                answer(code),
                f"AWS does not accept the credentials ({code})",
                "`aws sts get-caller-identity` says whose they are",
            )
            for code in (
                "InvalidClientTokenId",
                "UnrecognizedClientException",
                "SignatureDoesNotMatch",
                "InvalidAccessKeyId",
                "AuthFailure",
            )
        ),
        *(
            (
                answer(code),
                f"AWS does not allow this: An error occurred ({code}) when calling the DescribeStacks operation: no at "
                "all",
                "",
            )
            for code in ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError")
        ),
        (
            answer("Whatever"),
            "AWS answered: An error occurred (Whatever) when calling the DescribeStacks operation: no at all",
            "",
        ),
        (
            aws.NoCredentialsError(),
            "no usable AWS credentials (Unable to locate credentials)",
            "run `aws configure` or `aws sso login --profile work`, or give --profile",
        ),
        (aws.NoRegionError(), "no AWS region is set", "give --region us-east-1, or set AWS_REGION"),
        (
            aws.UnauthorizedSSOTokenError(),
            "the AWS login is over (The SSO session associated with this profile has expired or is otherwise invalid. "
            "To refresh this SSO session run aws sso login with the corresponding profile)",
            LOGIN,
        ),
        (
            aws.ReadTimeoutError(endpoint_url="https://x"),
            'the cloud cannot be reached (Read timeout on endpoint URL: "https://x")',
            NETWORK,
        ),
        (
            aws.EndpointConnectionError(endpoint_url="https://x"),
            'the cloud cannot be reached (Could not connect to the endpoint URL: "https://x")',
            NETWORK,
        ),
        (aws.ConfigParseError(path="config"), "Unable to parse config file: config", ""),
    ],
)
def test_an_error_says_in_a_line_what_to_do(error: Exception, what: str, remedy: str) -> None:
    found = explanation(error, profile="work")
    assert (found.what, found.remedy) == (what, remedy)
    assert str(found) == (f"{what}; {remedy}" if remedy else what)
    assert explanation(error).remedy == remedy.replace(" --profile work", "")


def test_a_profile_and_a_region_that_are_wrong_are_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))

    def refused() -> str:
        with pytest.raises(InvalidInput) as fault:
            on_aws(profile="wrok")
        return str(fault.value)

    told = "The config profile (wrok) could not be found; profiles in ~/.aws are: "
    assert refused() == f"{told}none"
    config.write_text("[profile work]\nregion = eu-west-1\n[profile home]\n")
    assert refused() == f"{told}work, home"
    with pytest.raises(InvalidInput) as fault:
        on_aws(region="us east")
    assert (
        str(fault.value)
        == "Provided region_name 'us east' doesn't match a supported format; write one such as us-east-1"
    )


def test_a_stack_that_cannot_be_used_is_named_with_what_to_do(stack: Stack) -> None:
    def failed(name: str) -> str:
        with pytest.raises(CloudError) as fault:
            on_endpoint(stack.environment, stack=name)
        return str(fault.value)

    assert failed("Nothing") == (
        f"there is no stack Nothing in {REGION}; deploy it with `sweep deploy`, or say where it is with --stack, "
        "--region and --profile"
    )
    name = f"{stack.name}-other"
    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"Bucket": {"Value": "a"}}})
    stack.cloudformation().create_stack(StackName=name, TemplateBody=template)
    others = ", ".join(output for output in Output if output is not Output.BUCKET)
    assert failed(name) == (
        f"the stack {name} in {REGION} (CREATE_COMPLETE) has no output {others}; wait until it is deployed, or name "
        "another one with --stack"
    )


def test_where_objects_and_logs_are(stack: Stack, tmp_path: Path) -> None:
    found = stack.deployment
    assert (str(found.objects), found.log_files) == (f"s3://{found.bucket}", None)
    here = on_endpoint(stack.environment, stack=stack.name, folder=tmp_path / "s3", is_ours=True)
    assert (here.objects, here.is_ours) == (tmp_path / "s3" / found.bucket, True)
    assert here.log_files == tmp_path / "logs"
    assert (found.is_ours, found.patience_seconds) == (False, 20)


def test_clients_try_again_as_long_as_their_task_allows(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    found = on_aws(stack=stack.name)
    assert (found.stack, found.patience_seconds) == (stack.name, 3600)
    for client in (found.s3, found.step_functions, found.batch, found.logs, stack.deployment.batch):
        retries: Any = client.meta.config
        assert retries.retries == {"mode": "standard", "total_max_attempts": 7}, client
    quick: Any = clients_of(profile=None, region="eu-north-1")
    assert quick("batch") is quick("batch")
    config = quick("batch").meta.config
    assert (config.region_name, config.connect_timeout, config.read_timeout) == ("eu-north-1", 10, 20)
    assert config.retries == {"mode": "standard", "total_max_attempts": 4}


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


@pytest.mark.parametrize(
    ("asked", "variables", "region"),
    [
        ([], {"AWS_REGION": "eu-north-1"}, "eu-north-1"),
        ([], {"AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "sa-east-1"}, "eu-north-1"),
        ([], {"AWS_REGION": "eu-north-1", "AWS_PROFILE": "work"}, "eu-north-1"),
        (["--region", "us-west-2"], {"AWS_REGION": "eu-north-1"}, "us-west-2"),
        ([], {"AWS_REGION": "", "AWS_DEFAULT_REGION": "sa-east-1"}, "sa-east-1"),
        ([], {"AWS_PROFILE": "work"}, "us-east-1"),
    ],
)
def test_the_region_is_that_of_the_aws_cli(
    server: str, sweep: Sweep, asked: list[str], variables: dict[str, str], region: str
) -> None:
    keys = {n: v for n, v in environment_of(server).items() if n not in ("AWS_REGION", "AWS_DEFAULT_REGION")}
    config = sweep.folder / "config"
    config.write_text("[profile work]\nregion = us-east-1\n")
    environment = {**keys, "AWS_CONFIG_FILE": str(config), **variables}
    ended = sweep("show", "x", "--on", "aws", "--stack", "Nowhere", *asked, environment=environment)
    assert ended.stderr.startswith(f"sweep: there is no stack Nowhere in {region}; "), ended.stderr


def test_the_doctor_s_region_is_that_of_the_aws_cli(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "sa-east-1")
    assert clients_of()("batch").meta.region_name == "eu-north-1"
    assert clients_of(region="us-west-2")("batch").meta.region_name == "us-west-2"


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
