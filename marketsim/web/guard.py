"""Who may ask what: the checks that stand before every page, and the headers behind it.

The page is for the person at this machine. Another site's page in the same browser can reach this port too, so each
request's Host must be one of ours to the letter, a foreign Origin is refused, and what changes anything needs the
session's cookie. Bodies are counted as they come.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

COOKIE = "marketsim"
MOST_BYTES = (1 << 20) + (1 << 16)  # a scenario of 1 MB, and its form
JSON_PATHS = ("/run", "/cancel")
FORM_PATHS = ("/run-form", "/upload", "/download", "/cancel-form")
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class TooLarge(Exception):
    """A body that goes on beyond what is taken."""


class Guard:
    """ASGI middleware. hosts: the exact values of Host that are ours; token: the session's secret."""

    def __init__(self, app: Any, hosts: frozenset[str], token: str) -> None:
        self.app, self.hosts, self.token = app, hosts, token
        self.origins = frozenset(f"http://{host}" for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with a counted body and the headers added."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = _headers(scope)
        refused = self._refused(scope, headers)
        if refused is not None:
            await _say(send, *refused)
            return
        await self._pass(scope, receive, send)

    def _refused(self, scope: Scope, headers: dict[str, list[str]]) -> tuple[int, str] | None:
        """Status and words where the request is refused, None where it may go on."""
        hosts = headers.get("host", [])
        if len(hosts) != 1 or hosts[0] not in self.hosts:
            return 403, "this address is not mine"
        if any(origin not in self.origins for origin in headers.get("origin", [])):
            return 403, "another site may not ask"
        if headers.get("sec-fetch-site", ["none"])[0] not in ("same-origin", "none"):
            return 403, "another site may not ask"
        method = scope["method"]
        if method == "OPTIONS":
            return 403, "nothing is allowed to other sites"
        if method not in ("GET", "HEAD", "POST"):
            return 405, "no such method"
        return self._refused_post(scope["path"], headers) if method == "POST" else None

    def _refused_post(self, path: str, headers: dict[str, list[str]]) -> tuple[int, str] | None:
        kind = headers.get("content-type", [""])[0].split(";")[0].strip().lower()
        if path in JSON_PATHS and kind != "application/json":
            return 415, "application/json is taken here"
        forms = ("application/x-www-form-urlencoded", "multipart/form-data")
        if path in FORM_PATHS and kind not in forms:
            return 415, "a form is taken here"
        length = headers.get("content-length", ["0"])[0]
        if not length.isdigit() or int(length) > MOST_BYTES:
            return 413, "the body is too large"
        if not self.knows(headers):
            return 403, "the session is not known; open the address that was printed when the page started"
        if not headers.get("origin") and not headers.get("x-marketsim"):
            return 403, "a page of mine has to ask"
        return None

    def knows(self, headers: dict[str, list[str]]) -> bool:
        """Whether the session's cookie is there."""
        for line in headers.get("cookie", []):
            try:
                cookie = SimpleCookie(line).get(COOKIE)
            except CookieError:
                continue
            if cookie is not None and hmac.compare_digest(cookie.value.encode(), self.token.encode()):
                return True
        return False

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken = 0
        begun = False

        async def counted() -> MutableMapping[str, Any]:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MOST_BYTES:
                raise TooLarge
            return message

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                there = {name.lower() for name, _ in message["headers"]}
                extra = [
                    (name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in there
                ]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        try:
            await self.app(scope, counted, with_headers)
        except TooLarge:
            if not begun:
                await _say(send, 413, "the body is too large")


def _headers(scope: Scope) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        out.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return out


async def _say(send: Send, status: int, words: str) -> None:
    headers = {**HEADERS, "content-type": "text/plain; charset=utf-8", "connection": "close"}
    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": f"{words}\n".encode()})


def hosts_of(host: str, port: int) -> frozenset[str]:
    """The values of Host that are this page's."""
    names = {"127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host}
    return frozenset(f"{name}:{port}" for name in names)


def new_token() -> str:
    """A session's secret."""
    return secrets.token_urlsafe(32)
