"""`python -m stepsweep` is `sweep`, where the command is not installed."""

from stepsweep.client.cli.main import main

if __name__ == "__main__":
    main()
