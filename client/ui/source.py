"""The sweeps that the page is about: finds them again and again, with the same clients of AWS."""

import threading

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import Deployment
from stepsweep.client.operations.follow import POLL_SECONDS
from stepsweep.client.running.control import Found

IN_THE_CLOUD = "aws"


class Source:
    """The sweeps of a cloud. Threads share it."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._lock = threading.Lock()
        self._deployment: Deployment | None = None
        self._is_at = ""

    def found(self) -> Found:
        """Finds the sweeps as they are now. Clients are made once per deployment, since that takes a second.

        Raises:
            CloudError: the cloud did not answer, or refused a request.
        """
        at = self._address()
        with self._lock:
            if at != self._is_at:
                self._deployment = self.cloud.deployed() if at else None
                self._is_at = at if self._deployment else ""
            deployment = self._deployment
        return Found(self.cloud.recorded(), None) if deployment is None else Found.of(deployment)

    def forget(self) -> None:
        """Makes the clients anew next time: after a fault they may have credentials that a person has renewed since, or
        be those of a stack that was deployed again."""
        with self._lock:
            self._is_at = ""

    def _address(self) -> str:
        """Returns what tells this start of the cloud from another; empty if none is up."""
        if not self.cloud.is_local:
            return IN_THE_CLOUD
        from stepsweep.local.joining import joined

        endpoint = joined(self.cloud.directory)
        return "" if endpoint is None else endpoint.access_key_id

    @property
    def poll_seconds(self) -> float:
        return POLL_SECONDS[self.cloud.on]
