"""Nobody but the person whose cloud it is uses it: attacks over real HTTP, as another user or a web page would."""

import base64
import gzip
import hashlib
import http.client
import json
import stat
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.embedded import Cloud
from tests.support.signing import signed_headers
from tests.support.tiny import TRUST


def answer(
    cloud: Cloud, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(cloud.environment["AWS_ENDPOINT_URL"]).netloc, timeout=30)
    connection.request(method, path, body, dict(headers or {}))
    response = connection.getresponse()
    try:
        return response.status, response.read().decode()
    finally:
        connection.close()


def error(code: str, message: str) -> str:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"


NOT_SIGNED = 403, error("MissingAuthenticationToken", "The request is not signed.")
NOT_SIGNED_FORM = 403, f"<ErrorResponse>{NOT_SIGNED[1]}</ErrorResponse>"
WORDS = {
    "InvalidAccessKeyId": "No role or person of this cloud has this access key.",
    "SignatureDoesNotMatch": "The signature is not that of this request with this access key.",
}
UNKNOWN_KEY = (
    403,
    json.dumps({"__type": "InvalidAccessKeyIdException", "message": WORDS["InvalidAccessKeyId"]}),
)
UNKNOWN_KEY_OF_EC2 = (
    403,
    "<Response><Errors>" + error("InvalidAccessKeyId", WORDS["InvalidAccessKeyId"]) + "</Errors></Response>",
)
TWICE = 400, error("InvalidRequest", "Sign requests once, with AWS4-HMAC-SHA256.")
NO_PATH = 404, error("NotFound", "AWS has no such path.")
ELSEWHERE = 403, error("AccessDenied", "The embedded cloud is not at 127.0.0.1.")
NO_HOST = 403, error("AccessDenied", "The embedded cloud is not at no host.")
NO_TARGET = 400, error("InvalidURI", "The target of the request is not a path.")
OTHERS_SIGNATURE = 403, error("SignatureDoesNotMatch", WORDS["SignatureDoesNotMatch"])
TOO_LATE = 403, error("AccessDenied", "The signature has expired, or is not valid yet.")
UNDATED = 403, error("AccessDenied", "The request says not when it was signed.")
JSON = {"Content-Type": "application/json"}
FORGED = "AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "refused"),
    [
        pytest.param("POST", "/2015-03-31/functions", JSON, {"FunctionName": "mine"}, NOT_SIGNED, id="CreateFunction"),
        pytest.param("POST", "/2015-03-31/functions/mine/invocations", JSON, {}, NOT_SIGNED, id="Invoke"),
        pytest.param(
            "POST",
            "/v1/submitjob",
            {"Authorization": FORGED.format(key="me", service="batch")},
            {"containerOverrides": {"environment": [{"name": "LD_PRELOAD", "value": "mine.so"}]}},
            UNKNOWN_KEY,
            id="SubmitJob",
        ),
        pytest.param("GET", "/{bucket}/kept", {}, None, NOT_SIGNED, id="GetObject"),
        pytest.param("PUT", "/{bucket}/kept", {}, "mine", NOT_SIGNED, id="PutObject"),
        pytest.param("DELETE", "/{bucket}/kept", {"Authorization": "AWS me:bWluZQ=="}, None, TWICE, id="SigV2"),
        pytest.param(
            "POST",
            "/",
            {"Content-Type": "application/x-www-form-urlencoded"},
            "Action=ListRoles",
            NOT_SIGNED_FORM,
            id="IAM",
        ),
        pytest.param("POST", "/moto-api/reset", {}, None, NO_PATH, id="reset"),
        pytest.param("GET", "/moto-api/data.json", {}, None, NO_PATH, id="state"),
        pytest.param("GET", "/latest/meta-data/iam/security-credentials/", {}, None, NO_PATH, id="metadata"),
        pytest.param(
            "POST",
            "/",
            {
                "Content-Type": "application/x-www-form-urlencoded",
                "Authorization": FORGED.format(key="me", service="ec2"),
            },
            "Action=DescribeInstances",
            UNKNOWN_KEY_OF_EC2,
            id="EC2",
        ),
        pytest.param("GET", "http://127.0.0.1/{bucket}/kept", {}, None, ELSEWHERE, id="absolute"),
        pytest.param("GET", "/{bucket}/kept", {"Host": ""}, None, NO_HOST, id="no host"),
        pytest.param("GET", "{bucket}/kept", {}, None, NO_TARGET, id="relative"),
    ],
)
def test_another_user_of_the_machine_gets_nothing(
    tiny_cloud: Cloud, method: str, path: str, headers: dict[str, str], body: object, refused: tuple[int, str]
) -> None:
    s3, bucket = tiny_cloud.client("s3"), tiny_cloud.outputs["Bucket"]
    s3.put_object(Bucket=bucket, Key="kept", Body=b"kept")
    # Other files' tests may have made functions in this cloud.
    functions = tiny_cloud.client("lambda").list_functions()["Functions"]
    data = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    assert answer(tiny_cloud, method, path.format(bucket=bucket), headers, data) == refused
    assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == b"kept"
    assert tiny_cloud.client("lambda").list_functions()["Functions"] == functions
    assert tiny_cloud.jobs("") == tiny_cloud.jobs("SUCCEEDED") + tiny_cloud.jobs("FAILED")


def test_the_key_is_in_a_file_that_only_its_person_can_read(tiny_cloud: Cloud) -> None:
    found = [
        file
        for file in tiny_cloud.directory.rglob("*")
        if file.is_file() and tiny_cloud.environment["AWS_SECRET_ACCESS_KEY"].encode() in file.read_bytes()
    ]
    assert [(file.name, stat.S_IMODE(file.stat().st_mode)) for file in found] == [("cloud.json", 0o600)]


def page(cloud: Cloud, **headers: str) -> tuple[int, str]:
    """Asks as a browser does for a page; with a right signature, so that only the page's own marks are refused."""
    signed = signed_headers(cloud.environment, "GET", f"/{cloud.outputs['Bucket']}")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answer(cloud, "GET", f"/{cloud.outputs['Bucket']}", {**signed, **named})


def test_a_web_page_gets_nothing(tiny_cloud: Cloud) -> None:
    assert page(tiny_cloud)[0] == 200
    assert page(tiny_cloud, Sec_Fetch_Site="none")[0] == 200, "a person opens a presigned URL"
    pages = 403, error("AccessDenied", "The embedded cloud does not answer web pages.")
    elsewhere = 403, error("AccessDenied", "The embedded cloud is not at rebound.example:80.")
    assert page(tiny_cloud, Origin="http://elsewhere") == page(tiny_cloud, Sec_Fetch_Site="cross-site") == pages
    by_name = tiny_cloud.environment["AWS_ENDPOINT_URL"].replace("127.0.0.1", "localhost")
    named = replace(tiny_cloud, environment={**tiny_cloud.environment, "AWS_ENDPOINT_URL": by_name})
    assert page(named, Host=urlsplit(by_name).netloc)[0] == 200
    assert page(tiny_cloud, Host="rebound.example:80") == elsewhere


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "another"}, "SignatureDoesNotMatch"),
        ({"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}, "InvalidAccessKeyId"),
        ({"AWS_SESSION_TOKEN": "mine"}, "InvalidAccessKeyId"),
    ],
)
@pytest.mark.parametrize(
    ("service", "operation"), [("s3", "list_buckets"), ("iam", "list_roles"), ("batch", "describe_job_queues")]
)
def test_a_wrong_key_is_named_as_on_aws(
    tiny_cloud: Cloud, change: dict[str, str], code: str, service: str, operation: str
) -> None:
    other = replace(tiny_cloud, environment={**tiny_cloud.environment, **change})
    with pytest.raises(ClientError) as refused:
        getattr(other.client(service), operation)()
    said = refused.value.response["Error"]
    assert said["Code"].removesuffix("Exception") == code


def test_what_was_changed_after_it_was_signed_is_refused(tiny_cloud: Cloud) -> None:
    path = f"/{tiny_cloud.outputs['Bucket']}/changed"
    headers = signed_headers(tiny_cloud.environment, "PUT", path, body=b"signed")
    other = error("XAmzContentSHA256Mismatch", "The body is not the one that was signed.")
    assert answer(tiny_cloud, "PUT", path, headers, b"forged") == (400, other)
    assert answer(tiny_cloud, "PUT", f"{path}-too", headers, b"signed") == OTHERS_SIGNATURE
    assert answer(tiny_cloud, "DELETE", path, headers, b"signed") == OTHERS_SIGNATURE
    assert answer(tiny_cloud, "PUT", path, {**headers, "X-Amz-Date": "20260101T000000Z"}, b"signed") == TOO_LATE
    assert answer(tiny_cloud, "PUT", path, {**headers, "X-Amz-Date": "today"}, b"signed") == UNDATED
    assert answer(tiny_cloud, "PUT", path, headers, b"signed")[0] == 200


def test_a_streamed_upload_arrives(tiny_cloud: Cloud) -> None:
    """Chunks with a checksum behind them, as SDKs other than boto3 send them over HTTP too."""
    path = f"/{tiny_cloud.outputs['Bucket']}/streamed"
    checksum = base64.b64encode(hashlib.sha256(b"a,b\n1,2\n").digest()).decode()
    body = f"8\r\na,b\n1,2\n\r\n0\r\nx-amz-checksum-sha256:{checksum}\r\n\r\n".encode()
    given = {
        "Content-Encoding": "aws-chunked",
        "X-Amz-Trailer": "x-amz-checksum-sha256",
        "X-Amz-Decoded-Content-Length": "8",
        "X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    }
    headers = signed_headers(tiny_cloud.environment, "PUT", path, headers=given, trailer=True)
    assert answer(tiny_cloud, "PUT", path, headers, body)[0] == 200
    found = tiny_cloud.client("s3").get_object(Bucket=tiny_cloud.outputs["Bucket"], Key="streamed")
    assert found["Body"].read() == b"a,b\n1,2\n"
    refused, _ = answer(tiny_cloud, "PUT", f"{path}-2", headers, body)
    assert refused == 403


def presigned(cloud: Cloud, operation: str, key: str, *, seconds: int = 60, version: str = "s3v4") -> str:
    """Returns the target of a presigned URL."""
    s3 = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=cloud.environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=cloud.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=cloud.environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=cloud.environment.get("AWS_SESSION_TOKEN"),
        config=Config(signature_version=version, s3={"addressing_style": "path"}),
    )
    url = urlsplit(s3.generate_presigned_url(operation, {"Bucket": cloud.outputs["Bucket"], "Key": key}, seconds))
    return f"{url.path}?{url.query}"


def test_a_presigned_url_does_what_was_signed(tiny_cloud: Cloud) -> None:
    put, get = presigned(tiny_cloud, "put_object", "a b+ü"), presigned(tiny_cloud, "get_object", "a b+ü")
    assert answer(tiny_cloud, "PUT", put, body=b"by url")[0] == 200
    assert answer(tiny_cloud, "GET", get) == (200, "by url")
    assert answer(tiny_cloud, "DELETE", get) == OTHERS_SIGNATURE
    assert answer(tiny_cloud, "GET", get.replace("X-Amz-Expires=60", "X-Amz-Expires=600")) == OTHERS_SIGNATURE
    for seconds in (-1, 7 * 24 * 3600 + 1):
        assert answer(tiny_cloud, "GET", presigned(tiny_cloud, "get_object", "a b+ü", seconds=seconds)) == TOO_LATE
    assert answer(tiny_cloud, "GET", presigned(tiny_cloud, "get_object", "a b+ü", version="s3")) == NOT_SIGNED
    soon = get.replace("X-Amz-Expires=60", "X-Amz-Expires=soon")
    for unclear in (
        soon,
        get.replace("X-Amz-Expires=60", ""),
        get.replace("X-Amz-Expires=60", f"X-Amz-Expires=1{'0' * 30}"),
    ):
        assert answer(tiny_cloud, "GET", unclear) == UNDATED
    cut = 400, error("AuthorizationQueryParametersError", "The presigned URL is not one of AWS4.")
    assert answer(tiny_cloud, "GET", get.replace("X-Amz-Date", "Date")) == cut
    assert answer(tiny_cloud, "GET", get, {"Authorization": FORGED.format(key="me", service="s3")}) == TWICE


POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::{}/trials/*"},
        {"Effect": "Allow", "Action": "logs:GetLogEvents", "Resource": "*"},
        {"Effect": "Allow", "Action": "xray:PutTraceSegments", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "batch:SubmitJob",
            "Resource": ["arn:aws:batch:*:job-queue/of", "arn:aws:batch:*:job-definition/of:1"],
        },
        {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::{}/trials/denied/*"},
    ],
}


@pytest.fixture(scope="module")
def trainer(tiny_cloud: Cloud) -> Cloud:
    """The cloud with temporary credentials of a role that may use `trials/` and read logs."""
    iam, bucket = tiny_cloud.client("iam"), tiny_cloud.outputs["Bucket"]
    arn = iam.create_role(RoleName="trainer", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    policy = json.dumps(POLICY).replace("{}", bucket)
    iam.put_role_policy(RoleName="trainer", PolicyName="trials", PolicyDocument=policy)
    managed = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*"}}
    policy_arn = iam.create_policy(PolicyName="users", PolicyDocument=json.dumps(managed))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="trainer", PolicyArn=policy_arn)
    tiny_cloud.client("s3").put_object(Bucket=bucket, Key="sweeps/a/spec.json", Body=b"secret")
    tiny_cloud.client("s3").put_object(Bucket=bucket, Key="trials/a/metrics.csv", Body=b"epoch")
    given = tiny_cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    key = {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }
    return replace(tiny_cloud, environment={**tiny_cloud.environment, **key})


def test_a_roles_presigned_urls_are_judged_as_its_other_requests(trainer: Cloud) -> None:
    assert answer(trainer, "GET", presigned(trainer, "get_object", "trials/a/metrics.csv")) == (200, "epoch")
    assert answer(trainer, "GET", presigned(trainer, "get_object", "sweeps/a/spec.json"))[0] == 403
    assert answer(trainer, "PUT", presigned(trainer, "put_object", "sweeps/a/winner.json"), body=b"mine")[0] == 403


def test_a_role_copies_only_what_it_may_read(trainer: Cloud) -> None:
    s3, bucket = trainer.client("s3"), trainer.outputs["Bucket"]
    s3.copy_object(Bucket=bucket, Key="trials/b", CopySource={"Bucket": bucket, "Key": "trials/a/metrics.csv"})
    with pytest.raises(ClientError, match=r"s3:GetObject on resource: arn:aws:s3:::.*/sweeps/a/spec.json"):
        s3.copy_object(Bucket=bucket, Key="trials/b", CopySource={"Bucket": bucket, "Key": "sweeps/a/spec.json"})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="trials/b")["UploadId"]
    source = f"{bucket}/%73weeps/a/spec.json"
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.upload_part_copy(Bucket=bucket, Key="trials/b", UploadId=upload, PartNumber=1, CopySource=source)


IN_BUCKET, OBJECT = "arn:aws:s3:::{bucket}", "trials/a/metrics.csv"
OF_BATCH, OF_LAMBDA, OF_LOGS = (f"arn:aws:{service}:us-east-1:123456789012" for service in ("batch", "lambda", "logs"))
F_OF_LAMBDA = f"{OF_LAMBDA}:function:f"
JOB = {"jobName": "a", "jobQueue": f"{OF_BATCH}:job-queue/of", "jobDefinition": f"{OF_BATCH}:job-definition/of:1"}
STREAM = {"logGroupName": "g", "logStreamName": "s"}


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "action", "resource"),
    [
        ("s3", "get_bucket_policy", {}, "s3:GetBucketPolicy", IN_BUCKET),
        # Neither is in moto's map of actions: nobody may do it but who may do everything.
        ("s3", "get_bucket_encryption", {}, "s3:GET encryption", IN_BUCKET),
        ("s3", "get_object_torrent", {"Key": OBJECT}, "s3:GET torrent", f"{IN_BUCKET}/{OBJECT}"),
        ("s3", "put_bucket_policy", {"Policy": "{}"}, "s3:PutBucketPolicy", IN_BUCKET),
        ("s3", "list_buckets", None, "s3:ListAllMyBuckets", "*"),
        ("s3", "list_objects_v2", {}, "s3:ListBucket", IN_BUCKET),
        ("s3", "get_object_tagging", {"Key": OBJECT}, "s3:GetObjectTagging", f"{IN_BUCKET}/{OBJECT}"),
        ("s3", "put_object_acl", {"Key": OBJECT, "ACL": "private"}, "s3:PutObjectAcl", f"{IN_BUCKET}/{OBJECT}"),
        ("s3", "delete_object", {"Key": OBJECT}, "s3:DeleteObject", f"{IN_BUCKET}/{OBJECT}"),
        ("s3", "delete_objects", {"Delete": {"Objects": [{"Key": OBJECT}]}}, "s3:DeleteObject", IN_BUCKET),
        ("s3", "get_object", {"Key": "trials/missing"}, "s3:ListBucket", IN_BUCKET),
        ("batch", "terminate_job", {"jobId": "1", "reason": "mine"}, "batch:TerminateJob", f"{OF_BATCH}:job/1"),
        ("batch", "submit_job", {"jobName": "a", "jobQueue": "q", "jobDefinition": "d"}, "batch:SubmitJob", "q"),
        ("batch", "submit_job", {**JOB, "jobDefinition": "d"}, "batch:SubmitJob", "d"),
        ("batch", "submit_job", {**JOB, "tags": {"a": "b"}}, "batch:TagResource", f"{OF_BATCH}:job/new"),
        ("batch", "describe_jobs", {"jobs": ["1"]}, "batch:DescribeJobs", "*"),
        ("batch", "list_jobs", {"jobQueue": "q"}, "batch:ListJobs", "*"),
        ("batch", "describe_job_queues", {}, "batch:describejobqueues", "*"),
        ("lambda", "invoke", {"FunctionName": "f"}, "lambda:InvokeFunction", f"{OF_LAMBDA}:function:f"),
        ("lambda", "invoke", {"FunctionName": F_OF_LAMBDA}, "lambda:InvokeFunction", F_OF_LAMBDA),
        ("lambda", "get_function", {"FunctionName": "f"}, "lambda:GET /2015-03-31/functions/f", F_OF_LAMBDA),
        ("logs", "delete_log_stream", STREAM, "logs:DeleteLogStream", f"{OF_LOGS}:log-group:g:log-stream:s"),
        ("s3", "put_object", {"Key": "trials/denied/a"}, "s3:PutObject", f"{IN_BUCKET}/trials/denied/a"),
        ("iam", "list_roles", {}, "iam:ListRoles", "*"),
        ("stepfunctions", "list_state_machines", {}, "states:ListStateMachines", "*"),
    ],
)
def test_a_permission_for_an_object_is_none_for_what_is_beside_it(
    trainer: Cloud, service: str, operation: str, arguments: dict[str, object] | None, action: str, resource: str
) -> None:
    bucket = trainer.outputs["Bucket"]
    given = {} if arguments is None or service != "s3" else {"Bucket": bucket}
    with pytest.raises(ClientError) as refused:
        getattr(trainer.client(service), operation)(**given, **(arguments or {}))
    said = refused.value.response["Error"]
    assert said["Code"].removesuffix("Exception") == "AccessDenied"
    assert said["Message"] == (
        f"arn:aws:iam::123456789012:role/trainer is not authorized to perform: {action} on resource: "
        f"{resource.format(bucket=bucket)} because no identity-based policy allows the action"
    )


def test_a_managed_policy_of_a_role_counts_too(trainer: Cloud) -> None:
    assert trainer.client("iam").list_users()["Users"] == []


@pytest.mark.parametrize(
    ("query", "header", "body"),
    [
        ("?Action=DeleteLogGroup&logGroupName=kept", {}, "{}"),
        ("", {"Action": "DeleteLogGroup"}, ""),
        ("", {}, json.dumps({"logGroupName": "kept", "logStreamName": "&Action=DeleteLogGroup&"})),
    ],
)
def test_an_action_that_moto_would_read_is_judged(
    trainer: Cloud, tiny_cloud: Cloud, query: str, header: dict[str, str], body: str
) -> None:
    """moto does what a parameter `Action` says, which it looks for in places where AWS does not."""
    tiny_cloud.client("logs").create_log_group(logGroupName="kept")
    given = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "Logs_20140328.GetLogEvents",
        "X-Amz-Security-Token": trainer.environment["AWS_SESSION_TOKEN"],
        **header,
    }
    path, data = f"/{query}", body.encode()
    headers = signed_headers(trainer.environment, "POST", path, service="logs", body=data, headers=given)
    status, said = answer(trainer, "POST", path, headers, data)
    groups = tiny_cloud.client("logs").describe_log_groups()["logGroups"]
    tiny_cloud.client("logs").delete_log_group(logGroupName="kept")
    assert (status, "logs:DeleteLogGroup" in said) == (403, True)
    assert [group["logGroupName"] for group in groups if group["logGroupName"] == "kept"] == ["kept"]


def test_a_result_is_written_once(trainer: Cloud, tiny_cloud: Cloud) -> None:
    """As the policy of the bucket has it on AWS."""
    s3, bucket = trainer.client("s3"), trainer.outputs["Bucket"]
    result = {"Bucket": bucket, "Key": "trials/once/metrics-e1.csv"}
    s3.put_object(**result, Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(**result, Body=b"second", IfNoneMatch="*")
    upload = s3.create_multipart_upload(**result)["UploadId"]
    part = s3.upload_part(**result, UploadId=upload, PartNumber=1, Body=b"second")["ETag"]
    ways: list[Callable[[], object]] = [
        lambda: s3.put_object(**result, Body=b"second"),
        lambda: tiny_cloud.client("s3").put_object(**result, Body=b"second"),
        lambda: s3.copy_object(**result, CopySource=f"{bucket}/trials/a/metrics.csv"),
        lambda: s3.complete_multipart_upload(
            **result, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]}
        ),
    ]
    denied = "The policy of the bucket denies s3:PutObject of metrics without If-None-Match: *"
    for way in ways:
        with pytest.raises(ClientError) as refused:
            way()
        assert refused.value.response["Error"] == {"Code": "AccessDenied", "Message": denied}
    replacing = presigned(trainer, "put_object", result["Key"])
    assert answer(trainer, "PUT", replacing, body=b"second") == (403, error("AccessDenied", denied))
    plain = f"/{bucket}/{result['Key']}"
    for target in (f"{plain}?partNumber=1", f"{plain}?uploadId&partNumber=1", f"/{plain}", f"{plain}?x-id=PutObject"):
        for given in ({}, {"X-Amz-Copy-Source": f"{bucket}/trials/a/metrics.csv"}):
            token = {"X-Amz-Security-Token": trainer.environment["AWS_SESSION_TOKEN"]}
            headers = signed_headers(trainer.environment, "PUT", target, body=b"second", headers={**token, **given})
            status, said = answer(trainer, "PUT", target, headers, b"second")
            assert status >= 400, said
    assert s3.get_object(**result)["Body"].read() == b"first"


def test_a_url_that_was_signed_for_another_service_is_none_of_s3(trainer: Cloud) -> None:
    target = presigned(trainer, "get_object", "sweeps/a/spec.json").replace("%2Fs3%2F", "%2Fxray%2F")
    refused = 403, error("AccessDenied", "Only URLs of S3 can be presigned here.")
    assert answer(trainer, "GET", target, {"X-Amz-Target": "AWSXRay.PutTraceSegments"}) == refused


def test_a_compressed_body_is_that_which_was_signed(tiny_cloud: Cloud) -> None:
    body = gzip.compress(json.dumps({"computeEnvironments": []}).encode())
    path, given = "/v1/describecomputeenvironments", {**JSON, "Content-Encoding": "gzip"}
    headers = signed_headers(tiny_cloud.environment, "POST", path, service="batch", body=body, headers=given)
    assert answer(tiny_cloud, "POST", path, headers, body)[0] == 200
