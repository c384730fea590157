"""What stands around the app: headers on every answer, and a bound for what visitors leave here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from starlette.datastructures import Headers as Fields
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from pages.common import guard
from pages.common.guard import MOST_OF_ALL, MOST_OF_ONE, Headers, UploadBounds, is_full
from tests import apart

Files = dict[str, dict[str, Any]]


def files(**sizes: int) -> Files:
    return {who: {"file": SimpleNamespace(data=bytes(size))} for who, size in sizes.items()}


def asked(method: str, path: str) -> tuple[int, Fields]:
    """Ask an app behind the guard; return the status and the headers of its answer."""
    sent: list[Message] = []

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        said = PlainTextResponse("here", headers={"Referrer-Policy": "origin"})
        await said(scope, receive, send)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": []}
    apart.run(Headers(UploadBounds(answer))(scope, receive, send))
    return sent[0]["status"], Fields(raw=sent[0]["headers"])


def test_no_other_site_may_frame_a_page_or_be_asked_for_scripts() -> None:
    headers = asked("GET", "/lab")[1]
    policy = dict(each.split(" ", 1) for each in headers["Content-Security-Policy"].split("; "))
    assert policy["frame-ancestors"] == policy["default-src"] == "'self'"
    assert "http" not in policy["script-src"] and "*" not in policy["script-src"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"


def test_a_header_that_is_there_already_stays() -> None:
    assert asked("GET", "/lab")[1]["Referrer-Policy"] == "origin"


def test_a_visitor_and_all_together_may_leave_only_so_much() -> None:
    assert not is_full({}, "a")
    assert not is_full(files(a=MOST_OF_ONE - 1, b=MOST_OF_ONE), "a")
    assert is_full(files(a=MOST_OF_ONE), "a")
    crowd = files(**{f"v{i}": MOST_OF_ONE for i in range(MOST_OF_ALL // MOST_OF_ONE)})
    assert is_full(crowd, "a")
    crowd.popitem()
    assert not is_full(crowd, "a")


def test_a_file_too_many_is_refused_and_can_be_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_kept", lambda: files(a=MOST_OF_ONE))
    assert asked("PUT", "/_stcore/upload_file/a/1")[0] == 413
    assert asked("PUT", "/base/_stcore/upload_file/a/1")[0] == 413
    assert asked("PUT", "/_stcore/upload_file/b/1")[0] == 200
    assert asked("DELETE", "/_stcore/upload_file/a/1")[0] == 200
    assert asked("GET", "/lab")[0] == 200
