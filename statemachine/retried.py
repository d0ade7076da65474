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
]
"""The last two mean that the process was lost. A function that runs again writes the same objects."""

STORE_ERRORS = ["S3.S3Exception", "S3.SdkClientException"]

RETRY_RULES = [
    {"OnStatusReason": "Host EC2*", "Action": "RETRY"},
    {"OnReason": "CannotPullContainerError:*", "Action": "RETRY"},
    {"OnExitCode": str(EXIT_INTERRUPTED), "Action": "RETRY"},
    {"OnReason": "*", "Action": "EXIT"},
]
"""Of a job, as the job definition has them: a lost machine, an image that could not be pulled, a trial that was told to
end. A failure that matches no rule is tried again, so the last rule ends it. A proof compares the two."""
