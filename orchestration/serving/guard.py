"""What the web UI answers: its own pages and their requests, and nobody else's.

A page of any web site may let a browser on this machine send requests to loopback. A browser names the page's origin
and the name that was looked up for the address,
and asks before it sends JSON to another origin: these three are checked.
"""

from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

SAFE = ("GET", "HEAD")
CLOSED = ("/report_asset_", "/download_debug/", "/logs/", "/notebook", "/dagit/notebook")
"""Endpoints that nothing of the UI here needs: events from outside, dumps of runs, files."""
POLICY_VIOLATION = 1008
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FRAMES = "frame-ancestors 'none'"


class Guard:
    """Refuse requests and WebSockets that are not the UI's own; ASGI middleware.

    Attributes:
        hosts: values of the Host header under which this server is reached, in lower case; the first is shown.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self.app = app
        self.hosts = tuple(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        reason = self.refusal(scope)
        if reason is None:
            await self.app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await WebSocketClose(POLICY_VIOLATION, reason)(scope, receive, send)
        else:
            await PlainTextResponse(f"{reason}\n", 403)(scope, receive, _with_headers(send))

    def refusal(self, scope: Scope) -> str | None:
        """Why this request is refused, in one sentence; None for one that may pass."""
        headers = Headers(scope=scope)
        hosts = [host.lower() for host in headers.getlist("host")]
        if len(hosts) != 1 or hosts[0] not in self.hosts:
            return f"Refused: open this page as http://{self.hosts[0]}."
        if not all(self._is_own(origin) for origin in headers.getlist("origin")):
            return "Refused: the request comes from another page."
        if scope["type"] == "websocket":
            return None if "origin" in headers else "Refused: a WebSocket names its origin."
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            # Following a link from elsewhere to a page of the UI is a GET that changes nothing, as typing its address.
            is_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
            if scope["method"] not in SAFE or not is_link:
                return "Refused: the request comes from another page."
        return _refusal_of_method(scope, headers)

    def _is_own(self, origin: str) -> bool:
        scheme, _, host = origin.lower().partition("://")
        return scheme in ("http", "https") and host in self.hosts


def _refusal_of_method(scope: Scope, headers: Headers) -> str | None:
    method, path = scope["method"], scope["path"]
    if path.startswith(CLOSED):
        return "Refused: flowhouse has no such endpoint."
    if method in SAFE:
        is_query = path.rstrip("/") == "/graphql" and scope["query_string"]
        return "Refused: send a query as JSON by POST, never in an address." if is_query else None
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if method != "POST" or media_type != "application/json" or len(headers.getlist("content-type")) != 1:
        return "Refused: send a query as application/json by POST."
    return None


def _with_headers(send: Send) -> Send:
    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            policy = headers.get("Content-Security-Policy")
            headers["Content-Security-Policy"] = f"{policy.rstrip('; ')}; {FRAMES}" if policy else FRAMES
        await send(message)

    return add
