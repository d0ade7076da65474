"""Acts as Lambda's Python runtime for one invocation: `lambda_runtime.py FOLDER HANDLER ANSWER SITE_PACKAGES`.

It runs with `python -S -P`, so that a function can import its package, the standard library and boto3, but nothing
from the embedded cloud's folder or environment. It reads the event from standard input, and writes the answer to a
file, so that standard output is the function's log. As on AWS, the log's last line is a report. Exit code 1 means
that the answer is an error.
"""

import importlib
import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path


def main() -> int:
    folder, handler, answer, site_packages = sys.argv[1:]
    sys.path.insert(0, folder)
    sys.path.append(site_packages)
    event = json.load(sys.stdin)
    module, _, function = handler.rpartition(".")
    began = time.monotonic()
    try:
        result = json.dumps(getattr(importlib.import_module(module), function)(event, None), allow_nan=False)
        code = 0
    except Exception as error:  # noqa: BLE001  what a function raises is its answer
        traceback.print_exc()
        result = json.dumps(
            {
                "errorMessage": str(error),
                "errorType": type(error).__name__,
                "stackTrace": traceback.format_tb(error.__traceback__),
            }
        )
        code = 1
    Path(answer).write_text(result, encoding="utf-8")
    _report(time.monotonic() - began)
    return code


def _report(seconds: float) -> None:
    unit = 2**20 if sys.platform == "darwin" else 2**10
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
    size = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
    print(f"REPORT Duration: {seconds * 1000:.2f} ms\tMemory Size: {size} MB\tMax Memory Used: {used} MB")


if __name__ == "__main__":
    sys.exit(main())
