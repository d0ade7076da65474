"""The command `sweep`, which environments without the script run as `python -m stepsweep`."""

import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Runs the command. Ctrl-C ends it in a line, also while it is imported, and while it ends."""
    try:
        from stepsweep.client.cli.main import main as command

        command()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("sweep: interrupted", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
