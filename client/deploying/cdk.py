"""Installs the CDK CLI once, and runs it on this package's stack, with the Node from PyPI."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepsweep.client.deployment import CloudError
from stepsweep.contract.errors import InvalidInput
from stepsweep.local.template import APP, node_environment

HERE = Path(__file__).parent
NPM_FILES = ("package.json", "package-lock.json")
"""The packages for npm, with hashes. CLI 3.x cannot read this library's assemblies."""

VERSION: str = json.loads((HERE / "package.json").read_bytes())["dependencies"]["aws-cdk"]


def installed(cache: Path, on_status: Callable[[str], None]) -> Path:
    """Returns the CDK CLI's script. npm installs it on first use.

    Raises:
        CloudError: npm failed; the message has its output.
    """
    home = cache / f"aws-cdk-{VERSION}"
    script = home / "node_modules" / "aws-cdk" / "bin" / "cdk"
    if script.exists():
        return script
    on_status(f"Installing the CDK CLI {VERSION} in {home} …")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="npm-") as scratch:
        folder = Path(scratch, "cdk")
        folder.mkdir()
        for file in NPM_FILES:
            shutil.copyfile(HERE / file, folder / file)
        node = Path(node_environment()["JSII_NODE"])
        # The wheel's own launcher of npm does not work.
        npm = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        ended = subprocess.run(
            [str(node), str(npm), "ci", *options],
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if ended.returncode:
            raise CloudError(f"npm could not install the CDK CLI:\n{(ended.stderr or ended.stdout).strip()}")
        try:
            folder.rename(home)
        except OSError:  # another process was quicker
            if not script.exists():
                raise
    return script


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdk:
    """The CDK CLI over one synthesized stack.

    Attributes:
        assembly: the cloud assembly.
        environment: environment of the CLI's process.
        profile: the AWS profile, if given.
    """

    script: Path
    assembly: Path
    environment: Mapping[str, str]
    profile: str | None

    def run(self, *arguments: str) -> None:
        """Runs a command of the CLI, which prints to this process's stdout and stderr.

        Raises:
            CloudError: the command failed.
        """
        profile = ("--profile", self.profile) if self.profile else ()
        # In the assembly's folder, so that the CLI does not read a cdk.json of the person's own project.
        ended = subprocess.run(
            [
                *(self.environment["JSII_NODE"], str(self.script), *arguments),
                *("--app", str(self.assembly), "--ci", "--no-notices", *profile),
            ],
            cwd=self.assembly,
            env=self.environment,
            check=False,
        )
        if ended.returncode:
            raise CloudError(f"`cdk {arguments[0]}` ended with {ended.returncode}; its reason is above")


@contextmanager
def cdk(
    choices: Mapping[str, Any],
    *,
    profile: str | None,
    region: str,
    cache: Path,
    validates: bool,
    on_status: Callable[[str], None],
) -> Iterator[Cdk]:
    """Synthesizes the stack, and yields the CLI over it.

    Args:
        validates: whether CDK's own rules judge the stack.

    Raises:
        InvalidInput: the app cannot synthesize the stack with these choices; the message has its output.
        CloudError: npm could not install the CLI.
    """
    script = installed(cache, on_status)
    layers = {} if os.environ.get("STEPSWEEP_LAYERS") else {"STEPSWEEP_LAYERS": str(cache / "layers")}
    environment = {
        **os.environ,
        **node_environment(),
        **layers,
        # `python -m stepsweep.…` builds a Lambda layer, and only this Python has the package.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "CDK_DISABLE_VERSION_CHECK": "1",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        **({} if validates else {"CDK_VALIDATION": "false"}),
    }
    on_status("Preparing the stack's template …")
    with tempfile.TemporaryDirectory(prefix="stepsweep-") as folder:
        ended = subprocess.run(
            [sys.executable, "-P", str(APP)],
            env={**environment, "CDK_OUTDIR": folder, "CDK_CONTEXT_JSON": json.dumps(dict(choices))},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if ended.returncode:
            raise InvalidInput((ended.stderr or ended.stdout).strip().splitlines())
        yield Cdk(script=script, assembly=Path(folder), environment=environment, profile=profile)
