"""The secrets that the embedded cloud was given: in moto's Secrets Manager, and so in this process's memory only."""

import sys

from stepsweep.local.endpoint import ACCOUNT


class HeldSecrets:
    """Secrets by the names of the variables that jobs get them in."""

    def __init__(self, region: str) -> None:
        self._region = region

    def names(self) -> list[str]:
        return sorted(self._all())

    def get(self, name: str) -> str | None:
        """Returns a secret's latest value; None where there is no such secret."""
        found: str | None = self._all().get(name)
        return found

    def _all(self) -> dict[str, str]:
        # Imported by the first request that gives it a secret: most sweeps have none, and a cloud is to start quickly.
        if "moto.secretsmanager.models" not in sys.modules:
            return {}
        from moto.secretsmanager.models import secretsmanager_backends

        held = secretsmanager_backends[ACCOUNT][self._region].secrets.values()
        return {secret.name: secret.versions[secret.default_version_id]["secret_string"] for secret in held}
