"""What stands around the app on its way to the browser: headers, and a bound for uploads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import runtime

#: Streamlit's own page and our components run inline, and a component is a module from a blob.
#: Nothing is fetched from elsewhere, and only pages of the same address may frame this one.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' ws: wss: data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
}

#: Bytes of files that one visitor, and all together, may have lying here.
MOST_OF_ONE, MOST_OF_ALL = 4 * 2**20, 32 * 2**20

_UPLOADS = "/_stcore/upload_file/"


class Headers:
    """Adds the headers that keep a browser from trusting more than it must."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back with the headers."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        return await self._app(scope, receive, add)


class UploadBounds:
    """Refuses files where one visitor, or all together, have as many as they may."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless it brings a file that is too much."""
        if scope["type"] == "http" and scope["method"] in ("PUT", "POST"):
            _, found, rest = scope["path"].partition(_UPLOADS)
            if found and is_full(_kept(), rest.partition("/")[0]):
                return await PlainTextResponse("", 413)(scope, receive, send)
        return await self._app(scope, receive, send)


def is_full(kept: Mapping[str, Mapping[str, Any]], session: str) -> bool:
    """Say whether no further file may come from a session.

    Parameters
    ----------
    kept
        The files of every session, by their names; each has its bytes as ``data``.
    """
    sizes = {who: sum(len(file.data) for file in files.values()) for who, files in kept.items()}
    return sizes.get(session, 0) >= MOST_OF_ONE or sum(sizes.values()) >= MOST_OF_ALL


def _kept() -> Mapping[str, Mapping[str, Any]]:
    manager = runtime.get_instance().uploaded_file_mgr
    # A copy: another thread may add to it meanwhile.
    return {who: dict(files) for who, files in dict(getattr(manager, "file_storage", {})).items()}
