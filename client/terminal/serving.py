"""How to use an embedded cloud that is up, for people and for scripts."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from stepsweep.client.deployment import Deployment
from stepsweep.client.terminal.view import View


def show_serving(view: View, deployment: Deployment, environment: Mapping[str, str], *, is_ours: bool) -> None:
    """Shows how to use a running embedded cloud."""
    view.line("The embedded cloud is up; Ctrl-C ends it." if is_ours else "Another process keeps this cloud up.")
    view.line()
    view.copyable(f"Endpoint       {environment['AWS_ENDPOINT_URL']}")
    view.copyable(f"State machine  {deployment.state_machine_arn}")
    view.copyable(f"Objects        {deployment.objects}")
    view.line()
    view.line("`sweep run` and `sweep show` use it, given the same --dir. Any AWS tool does with")
    view.line()
    for name, value in environment.items():
        view.copyable(f"export {name}={shlex.quote(value)}")
    example = {"parameters": {"lr": [0.1, 0.01]}, "fixed": {"dataset": "fashion-mnist"}, "epochs": 1}
    view.line()
    view.copyable(
        f"aws stepfunctions start-execution --state-machine-arn {deployment.state_machine_arn} "
        f"--name first --input {shlex.quote(json.dumps(example))}"
    )


def serving_document(deployment: Deployment, environment: Mapping[str, str]) -> dict[str, Any]:
    """Returns the document of `sweep serve --json`."""
    return {
        "endpoint": environment["AWS_ENDPOINT_URL"],
        "environment": dict(environment),
        "state_machine_arn": deployment.state_machine_arn,
        "bucket": deployment.bucket,
        "objects": str(deployment.objects),
    }
