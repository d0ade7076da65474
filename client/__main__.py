"""`python -m client` is `sweep`, where the command is not installed."""

from client.cli import main

if __name__ == "__main__":
    main()
