"""Reads the last line of a job's log, which usually says why the trainer failed."""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from stepsweep.contract.trial import one_line

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient


class LastLines:
    """Reads the last line of a job's log."""

    def __init__(self, client: "CloudWatchLogsClient", log_group: str) -> None:
        self._logs = client
        self._log_group = log_group

    def of(self, stream: str) -> str:
        """Returns the line, or an empty text if there is none. An unreadable log must not fail the sweep."""
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
