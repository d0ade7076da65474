"""Errors after which a state tries again, and failures after which Batch does."""

from stepsweep.contract.jobs import EXIT_INTERRUPTED

SUBMIT_ERRORS = [
    "Batch.TooManyRequestsException",
    "Batch.ServerException",
    "Batch.AWSBatchException",
    "Batch.SdkClientException",
]
"""Errors of SubmitJob itself. `States.TaskFailed` is not among them: then the job has run, and Batch has retried it."""

FUNCTION_ERRORS = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Runtime.OutOfMemory",
    "Sandbox.Timedout",
]
"""The last four mean that the process was lost, or was too slow in a bad minute of S3. A function that runs again
writes the same objects."""

STORE_ERRORS = ["S3.S3Exception", "S3.SdkClientException"]

RETRY_RULES = [
    {"OnStatusReason": "Host EC2*", "Action": "RETRY"},
    {"OnExitCode": str(EXIT_INTERRUPTED), "Action": "RETRY"},
    {"OnReason": "Cannot*", "Action": "RETRY"},
    {"OnReason": "Docker*", "Action": "RETRY"},
    {"OnExitCode": "*", "Action": "EXIT"},
]
"""Of a job, as the job definition has them. What ran and failed by itself ends: it has an exit code. Tried again are a
lost machine, a trial that was told to end, and all that never started, which has no exit code and so matches no rule.
Its two most frequent reasons are named (`CannotPullContainerError`, `CannotStartContainerError`, `DockerTimeoutError`
and their like), should a missing exit code match `*` after all. A proof compares the two.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html"""
