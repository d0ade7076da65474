"""Keeps everybody out but the person who started the server, and other pages of that person's browser.

Whoever has the token may start programs on this machine, by a spec with a `command`. So every request needs:

- a `Host` of this server: a page elsewhere whose name suddenly means 127.0.0.1 (DNS rebinding) has another one;
- the cookie, which the address with the token sets; no script can read it, and no other site's request carries it;
- if it changes anything, an `Origin` of this server, and the CSRF token that only this server's pages have.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Final
from urllib.parse import parse_qsl, quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MIN_TOKEN = 16
MAX_BODY_BYTES: Final = 1_048_576
"""More than any spec: an execution's input has 262,144 bytes at most, each of which a form may write as three."""

READS = ("GET", "HEAD")

SCHEMES = ("http", "https")
"""A proxy may add TLS."""

HEADERS = {
    # Plotly sets styles of elements as it draws; scripts are this server's files only.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With no-referrer a browser would hide the origin of this server's own forms too.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

ASKS_FOR_IT = "Open the address that `sweep ui` printed: it has the token that this page asks for."


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What opens the page, all made from one token: the same token after a restart keeps open pages working."""

    token: str
    cookie_name: str

    @property
    def cookie(self) -> str:
        return self._made("cookie")

    @property
    def csrf(self) -> str:
        return self._made("csrf")

    def _made(self, what: str) -> str:
        return hmac.new(self.token.encode(), what.encode(), hashlib.sha256).hexdigest()


class Guard:
    """ASGI middleware.

    Args:
        hosts: the allowed values of `Host`, in lower case.
        base: the path below which all pages are; starts and ends with a slash.
    """

    def __init__(self, app: ASGIApp, *, keys: Keys, hosts: frozenset[str], base: str) -> None:
        self._app = app
        self._keys = keys
        self._hosts = hosts
        self._base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        request = Request(scope, receive)
        answer = await self._refused(request)
        await (answer or self._app)(scope, receive, send_guarded)

    async def _refused(self, request: Request) -> Response | None:
        """Returns the answer to a request that may not pass, or that brings the token; None lets it through."""
        headers = request.headers
        if headers.get("host", "").lower() not in self._hosts:
            return _refusal("This server has another name. Behind a proxy, start it with --proxy-host NAME.")
        if request.method in READS and "token" in request.query_params:
            return self._logged_in(request)
        if not any(_same(each, self._keys.cookie) for each in _cookies(headers, self._keys.cookie_name)):
            return _refusal(ASKS_FOR_IT)
        if request.method in READS:
            return None
        if headers.get("origin", "").lower() not in {f"{scheme}://{headers['host'].lower()}" for scheme in SCHEMES}:
            return _refusal("Only this server's own pages may change anything.")
        form = await _form(request, headers)
        if form is None:
            return PlainTextResponse(f"A form has at most {MAX_BODY_BYTES} bytes, as UTF-8.", status_code=413)
        if not _same(form.get("csrf", ""), self._keys.csrf):
            return _refusal("The page is from before the server's restart: load it again.")
        request.state.form = form
        return None

    def _logged_in(self, request: Request) -> Response:
        """Sets the cookie, and leads to the same address without the token.

        Not by a redirect: a browser sends no SameSite=Strict cookie where another site's link began the way.
        """
        if not _same(request.query_params["token"], self._keys.token):
            return _refusal(ASKS_FOR_IT)
        # Only the path: `//other.example` would lead to another site.
        target = quote("/" + request.url.path.lstrip("/"))
        # With an icon, as all pages have one: a browser asks for /favicon.ico otherwise.
        page = (
            f'<!DOCTYPE html><meta http-equiv="refresh" content="0; url={escape(target)}"><title>sweep ui</title>'
            '<link rel="icon" href="data:,">'
        )
        response = HTMLResponse(page, headers={"Referrer-Policy": "no-referrer"})
        path = self._base.rstrip("/") or "/"  # so that it also comes with the address that lacks the last slash
        response.set_cookie(self._keys.cookie_name, self._keys.cookie, path=path, httponly=True, samesite="strict")
        return response


def _refusal(why: str) -> Response:
    return PlainTextResponse(f"{why}\n", status_code=403)


def _cookies(headers: Headers, name: str) -> list[str]:
    """Returns the values of all cookies of this name: a server on another port may have set one for a deeper path.

    They are taken as they were sent. `Request.cookies` also unquotes them, and in Python 3.11.7 that takes minutes for
    60,000 backslashes, which anybody may send (CVE-2024-7592).
    """
    pairs = (each.strip().partition("=") for each in headers.get("cookie", "").split(";"))
    return [value for key, _, value in pairs if key == name]


async def _form(request: Request, headers: Headers) -> Mapping[str, str] | None:
    """Returns the fields of a form; None if it is too large or not UTF-8."""
    size = headers.get("content-length", "")
    if not size.isdecimal() or int(size) > MAX_BODY_BYTES:
        return None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict"))
    except ValueError:
        return None


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
