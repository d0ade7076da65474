"""Acts as Lambda's Python runtime in an execution environment: `lambda_runtime.py FOLDER HANDLER SOCKET SITE_PACKAGES`.

It runs with `python -S -P`, so that a function can import its package, the standard library and boto3, but nothing
from the embedded cloud's folder or environment. It takes one event after the other from the socket, until that is
closed (`environments.py` is the other side), and gives back whether the answer is an error, and the answer. Standard
output is the function's log. As on AWS, the last line of an invocation in it is a report.
"""

import importlib
import json
import os
import resource
import socket
import sys
import time
import traceback


def main() -> int:
    folder, handler, address, site_packages = sys.argv[1:]
    sys.path.insert(0, folder)
    sys.path.append(site_packages)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        with connection.makefile("rwb") as cloud:
            while size := cloud.readline():
                is_error, answer = _invoked(handler, cloud.read(int(size)))
                data = answer.encode()
                cloud.write(b"%d %d\n%b" % (is_error, len(data), data))
                cloud.flush()
    return 0


def _invoked(handler: str, payload: bytes) -> tuple[bool, str]:
    """Returns whether the answer is an error, and the answer."""
    event = json.loads(payload)
    module, _, function = handler.rpartition(".")
    began = time.monotonic()
    is_error = False
    try:
        answer = json.dumps(getattr(importlib.import_module(module), function)(event, None), allow_nan=False)
    except Exception as error:  # noqa: BLE001  what a function raises is its answer
        traceback.print_exc()
        is_error = True
        answer = json.dumps(
            {
                "errorMessage": str(error),
                "errorType": type(error).__name__,
                "stackTrace": traceback.format_tb(error.__traceback__),
            }
        )
    _report(time.monotonic() - began)
    return is_error, answer


def _report(seconds: float) -> None:
    unit = 2**20 if sys.platform == "darwin" else 2**10
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
    size = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
    # Flushed: whoever has the answer finds all of it in the log.
    print(f"REPORT Duration: {seconds * 1000:.2f} ms\tMemory Size: {size} MB\tMax Memory Used: {used} MB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
