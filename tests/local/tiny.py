"""What tests/local/probes.py still imports from here."""

from tests.support.tiny import *  # noqa: F403
