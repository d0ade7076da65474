"""The process of an embedded cloud in tests: `python -m tests.support.serving OPTIONS FIRST`."""

import json
import sys
from pathlib import Path

from stepsweep.local.cloud import embedded_cloud

if __name__ == "__main__":
    exec(sys.argv[2])  # noqa: S102  what a test wants to be otherwise
    options = json.loads(sys.argv[1])
    options["app"] = Path(options["app"]) if options.get("app") else None
    with embedded_cloud(Path(options.pop("directory")), **options) as endpoint:
        print(json.dumps({"url": endpoint.url, "environment": endpoint.environment()}), flush=True)
        sys.stdin.read()
