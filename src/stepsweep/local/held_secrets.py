"""The secrets of the embedded cloud, in moto's Secrets Manager, and so only in this process's memory."""

import sys

from stepsweep.local.endpoint import ACCOUNT


class HeldSecrets:
    """Secrets by the names of the jobs' variables."""

    def __init__(self, region: str) -> None:
        self._region = region

    def names(self) -> list[str]:
        return sorted(self._all())

    def get(self, name: str) -> str | None:
        """Returns a secret's latest value; None if there is no such secret."""
        found: str | None = self._all().get(name)
        return found

    def _all(self) -> dict[str, str]:
        # The first request with a secret imports the module. Most sweeps have none, and a cloud should start quickly.
        if "moto.secretsmanager.models" not in sys.modules:
            return {}
        from moto.secretsmanager.models import secretsmanager_backends

        held = secretsmanager_backends[ACCOUNT][self._region].secrets.values()
        return {secret.name: secret.versions[secret.default_version_id]["secret_string"] for secret in held}
