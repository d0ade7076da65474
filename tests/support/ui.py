"""`sweep ui` in a process of its own, as a person starts it, and requests to it."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.support.command import Sweep


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A running server.

    Attributes:
        address: what it printed, with the token.
        root: the address without the token.
    """

    address: str
    session: requests.Session

    @property
    def root(self) -> str:
        return self.address.partition("?")[0]

    @property
    def host(self) -> str:
        return self.root.split("/")[2]

    def get(self, path: str, **headers: str) -> requests.Response:
        # By hand: a session sends its cookies to the host that `Host` names.
        cookies = "; ".join(f"{each.name}={each.value}" for each in self.session.cookies)
        return requests.get(self.root + path, headers={"Cookie": cookies, **headers}, timeout=30)

    def stranger(self, path: str = "", **headers: str) -> requests.Response:
        """Sends a request without the cookie."""
        return requests.get(self.root + path, headers=headers, timeout=30, allow_redirects=False)

    def csrf(self) -> str:
        (token,) = re.findall(r'name="csrf" value="([0-9a-f]+)"', self.get("start").text)
        return str(token)

    def post(self, path: str, form: Mapping[str, str], **headers: str) -> requests.Response:
        """Sends a form, as one of its own pages does unless `headers` or the form say otherwise."""
        own = {"Origin": f"http://{self.host}", **headers}
        return self.session.post(
            self.root + path, data={"csrf": self.csrf(), **form}, headers=own, timeout=60, allow_redirects=False
        )

    def events(self, path: str) -> Iterator[dict[str, Any]]:
        """Yields the data of a page's server-sent events, as they come."""
        with self.session.get(self.root + path, stream=True, timeout=60) as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))


@contextlib.contextmanager
def served(folder: Path, *words: str, environment: Mapping[str, str] | None = None) -> Iterator[Page]:
    """Runs `sweep ui` with these options, on a free port unless they name one."""
    with Sweep(folder=folder).popen("ui", "--json", *words, environment=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        if not (document := process.stdout.readline()):
            raise AssertionError(process.stderr.read())
        session = requests.Session()
        page = Page(address=json.loads(document)["address"], session=session)
        session.get(page.address, timeout=30)
        try:
            yield page
        finally:
            session.close()
            process.terminate()
            assert process.wait(30) == 0, process.stderr.read()
