"""The last line of a job's log, where a trainer says why it failed."""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from stepsweep.contract.trial import one_line

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient


class LastLines:
    """The last line of a job's log, where a trainer says why it failed."""

    def __init__(self, client: "CloudWatchLogsClient", log_group: str) -> None:
        self._logs = client
        self._log_group = log_group

    def of(self, stream: str) -> str:
        """Returns the line, or nothing where there is none; a log that cannot be read must not lose a sweep."""
        try:
            answer = self._logs.get_log_events(
                logGroupName=self._log_group, logStreamName=stream, limit=20, startFromHead=False
            )
        except ClientError as error:
            return f"(its log could not be read: {error.response['Error']['Code']})"
        except BotoCoreError as error:
            return f"(its log could not be read: {type(error).__name__})"
        lines = [line for event in answer["events"] if (line := one_line(event["message"]))]
        return lines[-1] if lines else ""
