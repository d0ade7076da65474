"""What a function keeps for its next invocations in the same execution environment.

Lambda lets a process that has answered wait for the next event, with all that it has in memory
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html), and so does the embedded cloud. It never
gets two events at once. Nothing may rest on it: any invocation can be the first one.
"""

from functools import cache
from typing import TYPE_CHECKING

from stepsweep.bucket.s3 import s3_client
from stepsweep.bucket.search_log import KeptLogs

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@cache
def s3() -> "S3Client":
    """Returns a client with the credentials of the environment, which are the same as long as it lives."""
    return s3_client()


@cache
def logs() -> KeptLogs:
    return KeptLogs()
