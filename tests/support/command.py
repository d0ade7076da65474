"""The command line, as a person starts it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepsweep.local.preload import FORK_IS_SAFE
from tests.support import forked
from tests.support.stack import Stack

TIMEOUT_SECONDS = 300
"""Of a command that runs to its end: a whole sweep on a busy machine takes a minute."""


@contextlib.contextmanager
def hearing_signals() -> Iterator[None]:
    """What a shell runs in the background ignores SIGINT, and the client leaves an ignored signal ignored.

    Handled here and not in the new process: for `preexec_fn` all memory of this one would be copied.
    """
    ignored = [n for n in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM) if signal.getsignal(n) == signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """The command line, in a process of its own, in a folder of its own, with no settings of the person who tests.

    Attributes:
        by: the command that runs it, such as a shell that redirects its output.
    """

    folder: Path
    by: tuple[str, ...] = ()

    def popen(
        self,
        *words: str,
        environment: Mapping[str, str] | None = None,
        terminal: int = subprocess.PIPE,
        keyboard: int | None = None,
    ) -> "subprocess.Popen[str]":
        """Starts it as a new Python, with pipes, or with all of its three files in a terminal, or its input alone."""
        with hearing_signals():
            return subprocess.Popen(
                [*self.by, sys.executable, "-m", "stepsweep", *words],
                cwd=self.folder,
                env=self.environment(environment),
                stdin=terminal if keyboard is None else keyboard,
                stdout=terminal,
                stderr=terminal,
                encoding="utf-8",
            )

    def __call__(
        self,
        *words: str,
        environment: Mapping[str, str] | None = None,
        text: str | None = None,
        keyboard: int | None = None,
    ) -> "subprocess.CompletedProcess[str]":
        """Runs it to its end: as a fork, if nothing is asked for that a Python reads at its start.

        Args:
            text: its standard input.
            keyboard: a file descriptor in place of `text`.
        """
        given = self.environment(environment)
        if FORK_IS_SAFE and not self.by and forked.VARIABLES.items() <= given.items():
            return forked.run(
                words,
                folder=self.folder,
                environment=given,
                text=text,
                timeout_seconds=TIMEOUT_SECONDS,
                keyboard=keyboard,
            )
        with self.popen(*words, environment=environment, keyboard=keyboard) as process:
            out, err = process.communicate(text, timeout=TIMEOUT_SECONDS)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_", "STEPSWEEP_"))
        }
        nowhere = str(self.folder / "nowhere")
        return {
            **clean,
            **forked.VARIABLES,
            "AWS_CONFIG_FILE": nowhere,
            "AWS_SHARED_CREDENTIALS_FILE": nowhere,
            "AWS_EC2_METADATA_DISABLED": "true",
            **(more or {}),
        }

    def on(self, stack: Stack, command: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command on a stack, found as a deployed one is."""
        return self(command, *words, "--on", "aws", "--stack", stack.name, environment=stack.environment)

    def with_sso_profile(self, name: str) -> dict[str, str]:
        """Returns the environment of somebody whose profile logs in by SSO, and who has not logged in."""
        config = self.folder / "config"
        config.write_text(
            f"[profile {name}]\nregion = us-east-1\nsso_start_url = https://example.com\nsso_region = us-east-1\n"
            "sso_account_id = 123456789012\nsso_role_name = me\n"
        )
        return {"AWS_CONFIG_FILE": str(config), "HOME": str(self.folder)}


def document(ended: "subprocess.CompletedProcess[str]", code: int = 0) -> Any:
    """Returns the JSON that a command printed."""
    assert ended.returncode == code, ended.stderr
    return json.loads(ended.stdout)


def interrupt(process: "subprocess.Popen[str]", number: signal.Signals) -> tuple[str, str]:
    """Sends a signal and returns what the process wrote until it ended."""
    process.send_signal(number)
    return process.communicate(timeout=60)
