"""Errors after which a state tries again."""

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
