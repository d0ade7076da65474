"""Signals that end a command, whenever they come."""

import os
import signal
import subprocess
import sys
import time

import pytest

from stepsweep.client.cli.interrupts import signals_interrupt


class Finalized:
    """Gets a signal while its destructor runs, where Python drops exceptions."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)


def in_a_destructor() -> None:
    with signals_interrupt():
        thing = Finalized()
        del thing
        time.sleep(10)


def in_the_cleanup(cleaned: list[str]) -> None:
    with signals_interrupt():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
            cleaned.append("all")


def test_a_signal_while_a_destructor_runs_is_not_lost() -> None:
    with pytest.raises(KeyboardInterrupt):
        in_a_destructor()


def test_after_the_first_signal_another_does_not_interrupt_the_cleanup() -> None:
    cleaned: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        in_the_cleanup(cleaned)
    assert cleaned == ["all"]


WHILE_IT_IMPORTS = """
import os, signal, sys, time, types

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` has it ignored

class Finalized:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)

def command():
    thing = Finalized()
    del thing
    time.sleep(20)
    print("went on")

sys.modules["stepsweep.client.cli.main"] = module = types.ModuleType("main")
module.main = command
from stepsweep.__main__ import main
main()
"""


def test_ctrl_c_that_python_drops_before_a_command_begins_is_not_lost() -> None:
    ended = subprocess.run([sys.executable, "-c", WHILE_IT_IMPORTS], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "sweep: interrupted\n")
