"""Runs the server of the page on the loopback interface."""

import logging
import resource
import secrets
import socket
from collections.abc import Callable, Sequence

import uvicorn

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.signals import handled_by
from stepsweep.client.ui.app import application
from stepsweep.client.ui.files import Copies
from stepsweep.client.ui.guard import MIN_TOKEN, Keys
from stepsweep.contract.errors import InvalidInput

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")
MOST_FILES = 8192
USUAL_PORT = 8321
"""Taken if it is free and no other is asked for, so that an address can be kept."""


def serve(
    cloud: Cloud,
    *,
    port: int | None,
    base: str,
    proxy_hosts: Sequence[str],
    token: str | None,
    on_ready: Callable[[str], None],
) -> None:
    """Serves the page until SIGINT, SIGTERM or SIGHUP, and then raises KeyboardInterrupt.

    Args:
        port: by default the usual one, or a free one.
        base: the path below which all pages are, such as `/sweeps`.
        proxy_hosts: further allowed values of `Host`: names under which a proxy shows the page.
        token: by default a new one.
        on_ready: receives the address, with the token.

    Raises:
        InvalidInput: the port is in use, or an argument breaks a rule; lists every fault.
        KeyboardInterrupt: a signal has ended it.
    """
    faults = []
    if token is not None and (len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable()):
        faults.append(f"STEPSWEEP_UI_TOKEN: must have {MIN_TOKEN} or more printable ASCII characters")
    below = base.strip("/")
    if below and not all(part.replace("-", "").replace("_", "").isalnum() for part in below.split("/")):
        faults.append(f"--base-path: must be a path such as /sweeps, of letters, digits, - and _, got {base!r}")
    if faults:
        raise InvalidInput(faults)
    base = f"/{below}/" if below else "/"
    _allow_files()
    with _listening(port) as listener:
        number = listener.getsockname()[1]
        keys = Keys(token=token or secrets.token_urlsafe(24), cookie_name=f"stepsweep-{number}")
        hosts = frozenset([*(f"{name}:{number}" for name in NAMES), *(name.lower() for name in proxy_hosts)])
        # The server comes after the application, which asks it.
        running: list[uvicorn.Server] = []
        copies = Copies()

        def is_over() -> bool:
            return running[0].should_exit

        app = application(cloud, keys=keys, hosts=hosts, base=base, is_over=is_over, copies=copies)
        # No access log: addresses may have the token.
        config = uvicorn.Config(
            app,
            access_log=False,
            date_header=False,
            http="h11",
            lifespan="off",
            log_level="error",
            loop="asyncio",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=5,
            ws="none",
        )
        server = uvicorn.Server(config)
        running.append(server)
        # A download that is cut off by the end is no fault of the server.
        logging.getLogger("uvicorn.error").addFilter(lambda _: not is_over())
        # From here on, not only once it runs, as uvicorn has it: a KeyboardInterrupt while it starts would leave its
        # coroutine behind, of which Python complains.
        with handled_by(server.handle_exit):
            on_ready(f"http://{HOST}:{number}{base}?token={keys.token}")
            try:
                server.run(sockets=[listener])
            finally:
                copies.remove_all()
    raise KeyboardInterrupt


def _allow_files() -> None:
    """Raises the soft limit of open files: each open page has one, and macOS allows 256."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _listening(port: int | None) -> socket.socket:
    """Returns a socket on the port; without one on the usual port, or on a free one if that is in use."""
    for number in [port] if port is not None else [USUAL_PORT, 0]:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, number))
            listener.listen()  # two that start at once may both bind the port; only one may listen
        except OSError as error:
            listener.close()
            if number != USUAL_PORT or port is not None:
                raise InvalidInput([f"--port: {number} cannot be listened on: {error.strerror}"]) from None
        else:
            return listener
    raise AssertionError("the system has a free port")
