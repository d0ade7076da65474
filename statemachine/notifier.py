"""Lambda function "notifier": the end of a sweep → an e-mail that links to its page.

EventBridge could write the message, but not sign a link.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from stepsweep.bucket.latest import latest_of
from stepsweep.bucket.s3 import Bucket
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.names import is_sweep

LINK_HOURS = 6
"""How long the link is valid at most. A function signs with the credentials of its role, which are temporary, and no
signature outlasts them: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html"""


def handler(event: Mapping[str, Any], _context: object = None) -> None:
    """Publishes the message about an execution that has ended.

    Args:
        event: of EventBridge, "Step Functions Execution Status Change".
    """
    # Signed for the bucket's own host: a link to another one is redirected, which its signature does not allow.
    config = Config(signature_version="s3v4", retries={"mode": "standard", "max_attempts": 8})
    bucket = Bucket(os.environ[keys.BUCKET], boto3.client("s3", config=config))
    end = End.of(event["detail"])
    text = message(end, link=link(bucket, end), bucket=bucket.name, stack=os.environ[keys.STACK])
    boto3.client("sns").publish(
        TopicArn=os.environ[keys.TOPIC], Subject=f"{end.sweep}: {end.status}"[:100], Message=text
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How an execution ended."""

    sweep: str
    execution: str
    status: str

    @classmethod
    def of(cls, detail: Mapping[str, Any]) -> "End":
        """Reads an event's detail. A sweep without a name in its input is named after its execution."""
        execution = str(detail["name"])
        try:
            name = json.loads(detail.get("input") or "null")["name"]
        except (ValueError, TypeError, KeyError):  # EventBridge leaves an input out that is large
            name = None
        sweep = name if isinstance(name, str) and is_sweep(name) else execution
        return cls(sweep=sweep, execution=execution, status=str(detail["status"]))


def link(bucket: Bucket, end: End) -> str:
    """Returns a link to the page that the execution left; empty if it left none."""
    try:
        latest = latest_of(bucket, end.sweep)
        if latest is None or not latest.has_ended or latest.execution != end.execution:
            return ""  # it was stopped, or broke, and a page may be of an earlier execution
        key = keys.report_key(end.sweep)
        return bucket.signed_link(key, seconds=LINK_HOURS * 3600) if bucket.has(key) else ""
    except (ClientError, InvalidDocument):  # an e-mail without a link is better than none
        return ""


def message(end: End, *, link: str, bucket: str, stack: str) -> str:
    """Returns the e-mail's text."""
    where = f"--on aws --stack {stack}"
    lines = [f"The sweep {end.sweep} ended: {end.status}", "", f"sweep show {end.sweep} {where}"]
    if link:
        until = datetime.now(UTC) + timedelta(hours=LINK_HOURS)
        lines += [
            "",
            f"Its page, until {until:%Y-%m-%d %H:%M} UTC at the latest:",
            link,
            "Whoever has this link can open the page. It stops working earlier if the temporary credentials expire "
            "that it was signed with. After that, if you may read the bucket, the page is here:",
            keys.console_address(bucket, keys.report_key(end.sweep)),
        ]
    else:
        lines += ["", f"It left no page; this makes one: sweep report {end.sweep} {where}"]
    return "\n".join(lines)
