"""Runs the `sweep` command as `python -m stepsweep`, for environments without the script."""

from stepsweep.client.cli.main import main

if __name__ == "__main__":
    main()
