"""The first picture of the first page, there before the app is.

A browser that meets the app reads a few megabytes of JavaScript before anything is drawn. So the
page that brings it already holds what will stand on the first screen: a digit of the test set and
its hard label. The app's own takes its place when it has come.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from string import Template
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kdcore.data import digits
from kdcore.figures import PALETTE
from kdcore.views.pictures import picture
from kdcore.words import ASSETS, ENGLISH, languages, words
from pages.common.live_bars import FIRST_DIGIT

#: The addresses of the first page, without what could ask for another digit.
PLACES = ("/", "/start")
#: What may stand in the address all the same.
_LANGUAGE = "lang"

_BOLD = re.compile(r"\*\*(.+?)\*\*")


class FirstPicture:
    """Puts the first picture into the page that brings the app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and a page's answer back with the picture in it."""
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        is_page = scope["type"] == "http" and scope["method"] == "GET" and scope["path"] in PLACES
        if not is_page or set(asked) - {_LANGUAGE}:
            return await self._app(scope, receive, send)
        language = asked.get(_LANGUAGE, [ENGLISH])[0]
        page = _Page(send, drawn(language if language in languages() else ENGLISH))
        # What is to be changed must be readable and whole: not compressed, not "as you have it".
        plain = [
            (name, value)
            for name, value in scope["headers"]
            if name not in (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")
        ]
        return await self._app({**scope, "headers": plain}, receive, page.send)


class _Page:
    """One page on its way to the browser."""

    def __init__(self, send: Send, first: str) -> None:
        self._send = send
        self._first = first.encode()
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        """Send a part of the answer on, a page when all of it is there."""
        if message["type"] == "http.response.start":
            kind = MutableHeaders(scope=message).get("content-type", "")
            if message["status"] == 200 and kind.startswith("text/html"):
                self._start = message
                return
        if self._start is None or message["type"] != "http.response.body":
            return await self._send(message)
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return None
        begin, root, rest = self._body.partition(b'<div id="root">')
        body = begin + self._first + root + rest if root else self._body
        headers = MutableHeaders(scope=self._start)
        headers["content-length"] = str(len(body))
        del headers["etag"]
        await self._send(self._start)
        return await self._send({"type": "http.response.body", "body": body})


@lru_cache
def drawn(language: str = ENGLISH) -> str:
    """Return the first picture as HTML, in a language that there are words in."""
    text, test = words("start", language), digits().test
    label = int(test.labels[FIRST_DIGIT])
    bars = "".join(
        f"<div{' class=true' if digit == label else ''}><i></i>{digit}</div>" for digit in range(10)
    )
    said = {
        "title": text["title"],
        "question": text["question"],
        "heading": text["one"]["heading"],
        "text": text["one"]["text"],
        "label": text["bars"]["label"],
        "described": text["bars"]["digit"].format(label=label),
    }
    return Template((ASSETS / "first_picture.html").read_text("utf-8")).substitute(
        {name: _BOLD.sub(r"<strong>\1</strong>", escape(value)) for name, value in said.items()},
        bars=bars,
        picture=picture(test.inputs[FIRST_DIGIT], 8),
        colour=PALETTE["label"],
    )
