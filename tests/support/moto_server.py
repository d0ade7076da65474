"""A moto server in this process, as moto is but for what makes it faster."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from moto.server import ThreadedMotoServer

from stepsweep.local.patches import speed


@contextmanager
def running_moto() -> Iterator[str]:
    """Runs a server while the context lasts; gives its URL. All servers of a process have one state."""
    _hasten()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@cache
def _hasten() -> None:
    """To find the service of a request took longer than to answer it."""
    speed.services_are_found_once()
    speed.models_are_listed_once()
