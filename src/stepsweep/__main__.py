"""The command `sweep`, which environments without the script run as `python -m stepsweep`."""

import signal
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs


def main() -> NoReturn:
    """Runs the command. Ctrl-C ends it in a line, also while it is imported, and while it ends."""
    sys.unraisablehook = _interrupted_again
    try:
        from stepsweep.client.cli.main import main as command

        command()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("sweep: interrupted", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


def _interrupted_again(dropped: "UnraisableHookArgs") -> None:
    """Sends Ctrl-C again that Python dropped, as in a weak reference's callback of its own imports."""
    if dropped.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(dropped)
        return
    from stepsweep.client.signals import send_again

    send_again(signal.SIGINT)


if __name__ == "__main__":
    main()
