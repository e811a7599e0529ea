"""Who may talk to the page's server: this machine's own browser, holding this run's token.

The server listens on the loopback address only. That alone does not keep out a web page the photographer
has open elsewhere: it can send requests to 127.0.0.1, and by DNS rebinding even read the answers. So every
request must name this server in ``Host``, and where a browser says which page it comes from, that page must
be ours.
"""

from __future__ import annotations

import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SAFE_METHODS = frozenset({"GET", "HEAD"})

_RESPONSE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class OwnBrowserOnly:
    """ASGI middleware: checks Host, Origin and token, and sets the headers that keep the page to itself.

    The page's files need no token, they are the same for everyone; everything under ``/api/`` does.
    """

    def __init__(self, app: ASGIApp, *, token: str, port: int) -> None:
        self._app = app
        self._token = token
        # Cookies know no ports: two sessions on one machine would overwrite each other's.
        self._cookie = f"studio_{port}"
        self._hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # No websockets are served.
        answer = self._answer(scope)
        await (answer or self._app)(scope, receive, _with_headers(send))

    def _answer(self, scope: Scope) -> Response | None:
        """What to answer without asking the app; None = the request may pass."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if host not in self._hosts:
            return _refusal("this server answers only under the address it printed")
        if not self._from_our_page(scope["method"], headers, host):
            return _refusal("requests from other pages are refused")
        offered = parse_qs(scope["query_string"].decode("latin-1")).get("token")
        if scope["path"] == "/" and offered and self._is_token(offered[0]):
            return self._let_in()
        if scope["path"].startswith("/api/") and not self._is_token(self._cookie_of(headers)):
            return _refusal("open the address that the program printed when it started")
        return None

    def _from_our_page(self, method: str, headers: Headers, host: str) -> bool:
        origin = headers.get("origin")
        if origin is None and method not in _SAFE_METHODS:
            return False
        if origin is not None and origin != f"http://{host}":
            return False
        # A browser sends the cookie to us from other local pages too, whatever their port: they could show
        # our pictures. "none" is an address typed, or followed from outside a page.
        same_page = headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}
        return same_page or headers.get("sec-fetch-mode") == "navigate"

    def _let_in(self) -> Response:
        response = RedirectResponse("/", status_code=303)  # The token leaves the address bar and the history.
        response.set_cookie(self._cookie, self._token, httponly=True, samesite="strict", path="/")
        return response

    def _is_token(self, offered: str) -> bool:
        return hmac.compare_digest(offered.encode(), self._token.encode())

    def _cookie_of(self, headers: Headers) -> str:
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return ""
        return morsel.value if morsel else ""


def _refusal(reason: str) -> Response:
    return JSONResponse({"error": reason}, status_code=403)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _RESPONSE_HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending
