"""What the page that brings the app holds already: the first digit and its hard label."""

from __future__ import annotations

import re
from html import unescape

from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from kdcore.data import digits
from kdcore.views.pictures import picture
from kdcore.words import words
from pages.common.first_picture import FirstPicture
from pages.common.live_bars import FIRST_DIGIT
from tests import apart

PAGE = '<html><body><div id="root"></div></body></html>'


def asked(
    path: str, query: str = "", answer: Response | None = None
) -> tuple[int, dict[str, str], str, list[bytes]]:
    """Ask an app behind it; return status, headers and body, and what the app was asked with."""
    sent: list[Message] = []
    heard: list[bytes] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        heard.extend(name for name, _ in scope["headers"])
        said = answer or HTMLResponse(PAGE, headers={"ETag": "x"})
        await said(scope, receive, send)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"accept-encoding", b"gzip"), (b"if-none-match", b"x"), (b"accept", b"text/html")]
    scope = {"type": "http", "method": "GET", "path": path, "headers": headers}
    apart.run(FirstPicture(app)({**scope, "query_string": query.encode()}, receive, send))
    fields = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], fields, body.decode(), heard


def test_the_first_page_holds_its_first_digit_and_hard_label_in_the_pages_own_words() -> None:
    status, headers, body, heard = asked("/")
    text, test = words("start"), digits().test
    assert status == 200 and headers["content-length"] == str(len(body.encode()))
    assert "etag" not in headers and heard == [b"accept"]
    shown = unescape(re.sub(r"<[^>]*>", "", body))
    for said in (text["title"], text["question"], text["one"]["heading"]):
        assert said in shown
    assert text["one"]["text"].replace("**", "") in shown
    assert picture(test.inputs[FIRST_DIGIT], 8) in body
    (right,) = re.findall(r"class=true><i></i>(\d)<", body)
    assert int(right) == int(test.labels[FIRST_DIGIT])
    assert "$" not in re.sub(r"<script>.*?</script>", "", body, flags=re.DOTALL)
    # It stands before what the app is drawn in, which is as it was.
    assert body.endswith('<div id="root"></div></body></html>')


def test_it_is_the_same_by_its_other_name_and_in_a_language_that_there_is_not() -> None:
    assert asked("/start")[2] == asked("/")[2] == asked("/", "lang=xx")[2]


def test_other_pages_and_links_to_a_digit_are_left_alone() -> None:
    for path, query in (("/lab", ""), ("/", "v=1&digit=3"), ("/start", "prediction=x")):
        _, headers, body, heard = asked(path, query)
        assert body == PAGE and headers["etag"] == "x"
        assert heard == [b"accept-encoding", b"if-none-match", b"accept"]


def test_what_is_no_page_or_not_the_apps_is_left_alone() -> None:
    assert asked("/", answer=PlainTextResponse(PAGE))[2] == PAGE
    assert asked("/", answer=HTMLResponse(PAGE, 404))[2] == PAGE
    assert asked("/", answer=HTMLResponse("<p>another</p>"))[2] == "<p>another</p>"
