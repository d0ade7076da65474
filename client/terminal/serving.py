"""How to use an embedded cloud that is up, for people and for scripts."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from stepsweep.client.deployment import Deployment
from stepsweep.client.terminal.view import View


def show_serving(
    view: View,
    deployment: Deployment,
    environment: Mapping[str, str],
    *,
    trainer: str,
    has_tutorial: bool,
    is_ours: bool,
    ends_when_idle: bool,
) -> None:
    """Shows how to use a running embedded cloud.

    Args:
        trainer: what trains in it.
        has_tutorial: whether that is the tutorial's trainer.
        is_ours: whether this process runs it.
        ends_when_idle: whether its process ends it once no sweep runs.
    """
    up = "The embedded cloud is up; Ctrl-C ends it." if is_ours else "Another process keeps this cloud up."
    if not is_ours and ends_when_idle:
        up = "Another process keeps this cloud up until its sweeps have ended; then `sweep serve` can."
    view.line(up)
    view.line()
    view.copyable(f"Endpoint       {environment['AWS_ENDPOINT_URL']}")
    view.copyable(f"State machine  {deployment.state_machine_arn}")
    view.copyable(f"Objects        {deployment.objects}")
    view.copyable(f"Trainer        {trainer}")
    view.line()
    view.line("`sweep run` uses it for sweeps of this trainer, given the same --dir. Any AWS tool does with")
    view.line()
    for name, value in environment.items():
        view.copyable(f"export {name}={shlex.quote(value)}")
    if not has_tutorial:
        return
    example = {"parameters": {"lr": [0.1, 0.01]}, "fixed": {"dataset": "fashion-mnist"}, "epochs": 1}
    view.line()
    view.line("For example, once Fashion-MNIST is there (`sweep doctor` says how to get it):")
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
