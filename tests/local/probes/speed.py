"""What moto does more often than it needs to, and answers that must stay the same."""

import json
import os
import socket
import time
import urllib.error
import urllib.request
from typing import Any

from botocore.config import Config
from botocore.handlers import set_list_objects_encoding_type_url

from tests.local.probes.stepfunctions_map import distributed
from tests.local.probes.world import World, calls_of, outcome, probe
from tests.support.embedded import eventually
from tests.support.signing import signed_headers


@probe
def events_of_a_maps_children(world: World) -> int:
    """How many events of a Map's 50 children are kept, though no request shows them."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import distributed_iteration_component

    made: list[Any] = []
    original = distributed_iteration_component.EventManager

    def noted(*args: Any, **kwargs: Any) -> Any:
        made.append(original(*args, **kwargs))
        return made[-1]

    distributed_iteration_component.EventManager = noted
    try:
        ended = world.executed({"All": distributed()}, {"items": list(range(50))})
        assert ended["status"] == "SUCCEEDED", ended
    finally:
        distributed_iteration_component.EventManager = original
    (children,) = made
    return len(children.get_event_history())


@probe
def deep_copies_of_an_execution(world: World) -> list[Any]:
    """How many objects and lists `copy` itself copies for three states, and the output."""
    import copy

    many = [{"n": number} for number in range(50)]
    states = {
        "One": {"Type": "Pass", "Parameters": {"all.$": "$.all", "copy.$": "$.all"}, "Next": "Two"},
        "Two": {"Type": "Pass", "Result": 7, "ResultPath": "$.n", "Next": "Three"},
        "Three": {"Type": "Pass", "End": True},
    }
    with calls_of(copy, "_keep_alive") as made:
        ended = world.executed(states, {"all": many})
    return [len(made), ended["output"]]


@probe
def parsers_for_ten_paths(world: World) -> int:
    """How many parsers are made for ten states that read the same two paths, and write to a third."""
    from jsonpath_ng import parser

    made: list[Any] = []
    original = parser.JsonPathParser.__init__

    def noted(self: Any, *args: Any, **kwargs: Any) -> None:
        made.append(self)
        original(self, *args, **kwargs)

    parser.JsonPathParser.__init__ = noted  # type: ignore[method-assign]
    try:
        reads = {"a.$": "$.of_parsers.a", "of_parsers.$": "$.of_parsers"}
        task = {"Type": "Pass", "Parameters": reads, "ResultPath": "$.of_parsers.result"}
        states = {f"S{number}": {**task, "Next": f"S{number + 1}"} for number in range(9)}
        ended = world.executed({**states, "S9": {**task, "End": True}}, {"of_parsers": {"a": 1}})
        assert ended["status"] == "SUCCEEDED", ended
    finally:
        parser.JsonPathParser.__init__ = original  # type: ignore[method-assign]
    return len(made)


@probe
def parsers_of_a_definition_that_is_executed_twice(world: World) -> list[Any]:
    """With the outputs of both."""
    from moto.stepfunctions.parser.asl.antlr.runtime.ASLParser import ASLParser

    client = world.client("stepfunctions")
    with calls_of(ASLParser, "__init__") as made:
        machine = world.state_machine({"Only": {"Type": "Pass", "End": True}})
        outputs = []
        for given in ("1", "2"):
            started = client.start_execution(stateMachineArn=machine, name=f"with-{given}", input=given)["executionArn"]
            outputs.append(
                eventually(lambda arn=started: client.describe_execution(executionArn=arn).get("output"))  # type: ignore[misc]
            )
    return [len(made), *outputs]


@probe
def a_definition_that_is_none(world: World) -> Any:
    return outcome(lambda: world.state_machine({"Only": {"Type": "Pass", "Next": 1}}))


@probe
def readers_of_yaml_for_a_template_in_json(world: World) -> list[Any]:
    """And for one in YAML, with what they are about."""
    import yaml

    name = f"probe-{time.time_ns()}"
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "1", "Name": name}}
    found: list[Any] = []
    cloudformation = world.client("cloudformation")
    for template in (json.dumps({"Resources": {"One": parameter}}), yaml.dump({"Resources": {"One": parameter}})):
        with calls_of(yaml.Loader, "__init__") as made:
            cloudformation.create_stack(StackName=name, TemplateBody=template)
            found += [len(made), world.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]]
            cloudformation.delete_stack(StackName=name)
    return found


@probe
def images_of_machines(world: World) -> int:
    return len(world.client("ec2").describe_images()["Images"])


@probe
def lists_of_methods_for_ten_requests(world: World) -> int:
    import inspect

    sqs = world.client("sqs")
    with calls_of(inspect, "getmembers") as made:
        for _ in range(10):
            sqs.list_queues()
    return len(made)


@probe
def ids_of_two_requests(world: World) -> list[str]:
    sqs = world.client("sqs")
    return [sqs.list_queues()["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"] for _ in range(2)]


@probe
def readers_of_models_for_four_services(_world: World) -> int:
    from moto.core import loaders, utils

    with calls_of(loaders.Loader, "__init__") as made:
        for service in ("sqs", "sns", "kms", "sts"):
            utils._load_service_model(service, "service-2")
    return len(made)


@probe
def what_is_said_of_an_object(world: World) -> Any:
    """Of objects of several kinds, each as it is read whole: its bytes, and the headers but those for pages and of the
    connection."""
    s3, bucket = world.client("s3"), world.bucket()
    s3.put_object(Bucket=bucket, Key="read/plain.csv", Body=b"a,b", ContentType="text/csv", Metadata={"made": "by me"})
    s3.put_object(Bucket=bucket, Key="read/summed", Body=b"summed", ChecksumAlgorithm="SHA256")
    s3.put_object(Bucket=bucket, Key="read/tagged", Body=b"", Tagging="a=1&b=2")
    s3.put_object(Bucket=bucket, Key="read/cold", Body=b"cold", StorageClass="GLACIER")
    s3.put_object(Bucket=bucket, Key="read/a b+ü%", Body=b"odd", CacheControl="no-store")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="read/parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="read/parts", UploadId=upload, PartNumber=1, Body=b"one part")["ETag"]
    s3.complete_multipart_upload(
        Bucket=bucket, Key="read/parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]}
    )
    told = []
    for name in ("plain.csv", "summed", "tagged", "cold", "a b+ü%", "parts", "nothing"):
        answer = outcome(lambda key=f"read/{name}": s3.get_object(Bucket=bucket, Key=key))  # type: ignore[misc]
        if isinstance(answer, dict):
            headers = answer["ResponseMetadata"]["HTTPHeaders"]
            for header in ("access-control-allow-origin", "connection"):
                headers.pop(header, None)
            told.append(
                {
                    "body": answer["Body"].read().decode(),
                    **{key: headers[key] for key in headers.keys() - {"date", "last-modified", "x-amzn-requestid"}},
                    "names": sorted(headers),
                }
            )
        else:
            told.append(answer)
    return told


PUTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "with-a-type": {"ContentType": "text/csv"},
    "empty": {"Body": b""},
    "if-there-is-none": {"IfNoneMatch": "*"},
    "if-there-is-none-but-there-is": {"IfNoneMatch": "*"},
    "if-it-is-another": {"IfMatch": "another"},
    "with-metadata": {"Metadata": {"made": "by me"}},
    "with-a-sum": {"ChecksumAlgorithm": "SHA256"},
    "with-tags": {"Tagging": "a=1&b=2"},
    "for-all": {"ACL": "public-read"},
    "cold": {"StorageClass": "GLACIER"},
    "encoded": {"ContentEncoding": "gzip"},
    "a b+ü%": {},
}
"""By the key that is put."""


@probe
def what_is_said_of_a_put(world: World) -> dict[str, Any]:
    """What is said of puts of several kinds, and of each object afterwards, but for times and ids; and how many of the
    puts Flask gets."""
    import flask

    s3, bucket = world.client("s3"), world.bucket()
    s3.put_object(Bucket=bucket, Key="put/if-there-is-none-but-there-is", Body=b"first")
    s3.put_object(Bucket=bucket, Key="put/if-it-is-another", Body=b"first")
    said: dict[str, Any] = {}
    for name, more in PUTS.items():
        key = f"put/{name}"
        with calls_of(flask.Flask, "wsgi_app") as made:
            put = outcome(lambda key=key, more=more: s3.put_object(Bucket=bucket, Key=key, **{"Body": b"1", **more}))  # type: ignore[misc]
        there = outcome(lambda key=key: s3.get_object(Bucket=bucket, Key=key))  # type: ignore[misc]
        body = there["Body"].read().decode() if isinstance(there, dict) else None
        said[name] = {"flask": len(made), "put": _headers(put), "there": _headers(there), "body": body}
    said["in no bucket"] = outcome(lambda: s3.put_object(Bucket="no-such-bucket", Key="a", Body=b"1"))
    return said


def _headers(answer: Any) -> Any:
    """Returns the headers of an answer, but those for pages, of the connection, and those that differ each time."""
    if not isinstance(answer, dict):
        return answer
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    other = {"access-control-allow-origin", "connection", "date", "last-modified", "x-amzn-requestid"}
    return {name: value for name, value in sorted(headers.items()) if name not in other}


@probe
def what_is_said_in_a_listing(world: World) -> list[Any]:
    """How often XML is written by the model of the API, and what listings say, but for times and ids."""
    import xmltodict  # type: ignore[import-untyped]

    s3, bucket = world.client("s3"), "listed"
    s3.create_bucket(Bucket=bucket)
    for key in ("a", "b/<&>", "b/c", "b/ü %", "c"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    s3.put_object(Bucket=bucket, Key="d", Body=b"d", ChecksumAlgorithm="SHA256")
    kinds: list[dict[str, Any]] = [
        {}, {"Prefix": "b/"}, {"Prefix": "b/<&"}, {"Prefix": "no"}, {"Delimiter": "/"}, {"MaxKeys": 2},
        {"StartAfter": "b/c"}, {"FetchOwner": True}, {"EncodingType": "url"},
    ]  # fmt: skip
    said: list[Any] = []
    with calls_of(xmltodict, "unparse") as made:
        for kind in kinds:
            page = s3.list_objects_v2(Bucket=bucket, **kind)
            for each in page.get("Contents", []):
                del each["LastModified"]
            said.append([_headers(page).get("content-type"), {**page, "ResponseMetadata": None}])
        token = said[5][1].pop("NextContinuationToken")
        page = s3.list_objects_v2(Bucket=bucket, ContinuationToken=token)
        said.append([each["Key"] for each in page["Contents"]])
        # By itself boto3 asks for names in which nothing means anything in XML.
        plain = world.client("s3", Config(user_agent="with plain names"))
        plain.meta.events.unregister("before-parameter-build.s3.ListObjectsV2", set_list_objects_encoding_type_url)
        said.append([each["Key"] for each in plain.list_objects_v2(Bucket=bucket)["Contents"]])
    return [len(made), *said]


@probe
def denied_by_a_policy_of_the_bucket(world: World) -> list[Any]:
    s3, bucket = world.client("s3"), "with-a-policy"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="secret", Body=b"secret")
    actions, resource = ["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{bucket}/*"
    statement = {"Effect": "Deny", "Principal": "*", "Action": actions, "Resource": resource}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    return [
        outcome(lambda: s3.get_object(Bucket=bucket, Key="secret")["Body"].read().decode()),
        outcome(lambda: s3.put_object(Bucket=bucket, Key="secret", Body=b"other")["ETag"]),
    ]


@probe
def requests_to_flask_for_ten_objects(world: World) -> int:
    import flask

    s3, bucket = world.client("s3"), world.bucket()
    s3.put_object(Bucket=bucket, Key="read/often", Body=b"1")
    with calls_of(flask.Flask, "wsgi_app") as made:
        for _ in range(10):
            s3.get_object(Bucket=bucket, Key="read/often")["Body"].read()
    return len(made)


@probe
def what_is_said_of_missing_objects(world: World) -> list[Any]:
    """How many of the requests Flask gets, and each answer: of a key that never was, of one that was deleted, and of
    one in a missing bucket."""
    import flask

    s3, bucket = world.client("s3"), world.bucket()
    s3.put_object(Bucket=bucket, Key="read/gone", Body=b"1")
    s3.delete_object(Bucket=bucket, Key="read/gone")
    said: list[Any] = []
    with calls_of(flask.Flask, "wsgi_app") as made:
        for place, key in ((bucket, "read/nothing"), (bucket, "read/gone"), ("no-such-bucket", "a")):
            for ask in (s3.get_object, s3.head_object):
                try:
                    said.append(ask(Bucket=place, Key=key)["ContentLength"])
                except s3.exceptions.ClientError as error:
                    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                    said.append([status, error.response["Error"]["Code"], error.response["Error"]["Message"]])
    return [len(made), *said]


@probe
def pieces_of_a_body(world: World) -> list[Any]:
    """In how many a megabyte is read, and whether it is all there."""
    from werkzeug.wsgi import LimitedStream

    body = os.urandom(1_000_000)
    s3, bucket = world.client("s3"), world.bucket()
    with calls_of(LimitedStream, "readinto") as made:
        s3.put_object(Bucket=bucket, Key="large", Body=body)
    return [len(made), s3.get_object(Bucket=bucket, Key="large")["Body"].read() == body]


@probe
def a_body_that_breaks_off(world: World) -> Any:
    host, port = world.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        path = f"/{world.bucket()}/half"
        headers = {
            **signed_headers(world.environment, "PUT", path, body=b"20 bytes, half of it"),
            "Content-Length": "20",
        }
        lines = [f"PUT {path} HTTP/1.1", f"Host: {host}:{port}", *(f"{name}: {headers[name]}" for name in headers)]
        connection.sendall("\r\n".join([*lines, "", "20 bytes, "]).encode())
        connection.shutdown(socket.SHUT_WR)
        status = connection.makefile("rb").readline().decode().split(" ", 2)[1]
    return [status, outcome(lambda: bool(world.client("s3").head_object(Bucket=world.bucket(), Key="half")))]


@probe
def folders_listed_for_ten_requests(world: World) -> int:
    listed: list[Any] = []
    original = os.listdir

    def noted(path: Any = ".") -> list[str]:
        if str(path).endswith("moto"):
            listed.append(path)
        return original(path)

    os.listdir = noted  # type: ignore[assignment]
    try:
        for _ in range(10):
            world.client("s3").list_buckets()
    finally:
        os.listdir = original
    return len(listed)


@probe
def what_a_request_brings_about(world: World) -> Any:
    from werkzeug.serving import WSGIRequestHandler

    lines: list[Any] = []
    log = WSGIRequestHandler.log
    WSGIRequestHandler.log = lambda *line: lines.append(line)  # type: ignore[method-assign]
    try:
        asked = urllib.request.Request(world.url + "/moto-api/config", headers={"Origin": "http://elsewhere"})
        try:
            answer: Any = urllib.request.urlopen(asked)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            headers = [name for name in answer.headers if name.startswith("Access-Control-Allow-Origin")]
    finally:
        WSGIRequestHandler.log = log  # type: ignore[method-assign]
    return {"lines of log": len(lines), "headers for a page": headers}
