"""What tests/local/probes.py and test_moto_workarounds.py still import from here."""

from tests.support.embedded import REPOSITORY, eventually

__all__ = ["REPOSITORY", "eventually"]
