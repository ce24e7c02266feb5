"""Each rule of ASGI that the harness checks can be broken, and the harness says so."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Violation, fetch
from tests.harness.native import chunk, sending, start

END = chunk(more=False)


def offering(*extensions: str) -> dict[str, Any]:
    """Return the keys of a scope that offers these extensions."""
    return {"extensions": {f"http.response.{name}": {} for name in extensions}}


def test_correct_response() -> None:
    """The harness takes a correct response, message by message."""
    response = fetch(sending(start(201, (b"x-a", b"1"), [b"x-a", b"2"]), chunk(b"one"), chunk(b"two"), END))
    assert (response.status, response.body, response.complete) == (201, b"onetwo", True)
    assert response.values(b"x-a") == [b"1", b"2"]
    assert response.types == ["start", "body", "body", "body"]
    assert response.chunks == [b"one", b"two"]


def test_headers_as_any_iterable() -> None:
    """ASGI: headers are an iterable of two-item iterables."""
    headers = ((name, value) for name, value in [(b"a", b"b")])
    response = fetch(sending({"type": "http.response.start", "status": 200, "headers": headers}, END))
    assert response.headers == [(b"a", b"b")]


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (["http.response.start"], "must be a dict"),
        ({"status": 200}, "no message"),
        ({"type": "start", "status": 200}, "no message"),
        ({"type": "http.response.push", "path": "/"}, "no message"),
        ({"type": "http.response.start"}, "lacks"),
        ({"type": "http.response.start", "status": 200, "reason": "OK"}, "no key"),
        ({"type": "http.response.start", "status": 200, "trailers": True}, "trailers"),
        (start("200"), "must be int"),
        (start(True), "must be int"),
        (start(99), "no status code"),
        (start(1000), "no status code"),
        (start(200, ("a", b"b")), "two byte strings"),
        (start(200, (b"a", "b")), "two byte strings"),
        (start(200, (bytearray(b"a"), b"b")), "two byte strings"),
        (start(200, (b"A", b"b")), "lower-case"),
        (start(200, (b":status", b"200")), "lower-case"),
        (start(200, (b"", b"b")), "lower-case"),
        (start(200, (b"a", b"b\r\nc: d")), "line break"),
        (start(200, (b"a", b"\0")), "line break"),
        (start(200, (b"content-length", b"1"), (b"content-length", b"1")), "more than one content-length"),
        (chunk(b"x"), "before the start"),
        ({"type": "http.response.pathsend", "path": "/x"}, "not offered"),
        ({"type": "http.response.zerocopysend", "file": 0}, "not offered"),
        ({"type": "http.response.early_hint", "links": []}, "not offered"),
    ],
)
def test_bad_first_message(message: Any, complaint: str) -> None:
    """A first message that ASGI forbids is a violation."""
    with pytest.raises(Violation, match=complaint):
        fetch(sending(message))


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ([start(), start()], "second start"),
        ([start(), END, END], "after the response was complete"),
        ([start(), chunk("text")], "must be bytes"),
        ([start(), chunk(bytearray(b"x"))], "must be bytes"),
        ([start(), chunk(None)], "must be bytes"),
        ([start(), chunk(b"x", more=1)], "must be bool"),
        ([start(200, (b"content-length", b"2")), chunk(b"xxx")], "content-length"),
        ([start(200, (b"content-length", b"2")), chunk(b"x", more=False)], "content-length"),
        ([start(204), chunk(b"x")], "a body with the status 204"),
        ([start(304), chunk(b"x")], "a body with the status 304"),
        ([start(199), chunk(b"x")], "a body with the status 199"),
    ],
)
def test_bad_later_message(messages: list[Any], complaint: str) -> None:
    """A later message that ASGI or HTTP forbids is a violation."""
    with pytest.raises(Violation, match=complaint):
        fetch(sending(*messages))


def test_a_swallowed_violation_is_still_one() -> None:
    """An application cannot hide a violation by catching it."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        with pytest.raises(Violation):
            await send(END)
        await send(start())
        await send(END)

    with pytest.raises(Violation, match="before the start"):
        fetch(app)


def test_head_has_no_body() -> None:
    """HTTP: the answer to HEAD has no body, and its content-length stands."""
    length = (b"content-length", b"2")
    assert fetch(sending(start(200, length), END), "HEAD").complete
    with pytest.raises(Violation, match="HEAD"):
        fetch(sending(start(200, length), chunk(b"xx", more=False)), "HEAD")


def test_pathsend(tmp_path: Path) -> None:
    """The harness reads the file of a pathsend, wants an absolute path, and allows no other body."""
    file = tmp_path / "file"
    file.write_bytes(b"content")
    message = {"type": "http.response.pathsend", "path": str(file)}
    response = fetch(sending(start(), message), scope=offering("pathsend"))
    assert (response.body, response.complete) == (b"content", True)
    with pytest.raises(Violation, match="relative"):
        fetch(sending(start(), {**message, "path": "file"}), scope=offering("pathsend"))
    with pytest.raises(Violation, match="mixed"):
        fetch(sending(start(), chunk(), message), scope=offering("pathsend"))


def test_zerocopysend() -> None:
    """The harness reads what a zerocopysend names, and sees a descriptor that is closed or none."""
    with tempfile.TemporaryFile() as file:
        file.write(b"0123456789")
        file.flush()
        message = {"type": "http.response.zerocopysend", "file": file, "offset": 2, "count": 3}
        number = {"type": "http.response.zerocopysend", "file": file.fileno(), "offset": 8}
        response = fetch(sending(start(), {**message, "more_body": True}, number), scope=offering("zerocopysend"))
        assert (response.body, response.complete) == (b"23489", True)
    closed = {"type": "http.response.zerocopysend", "file": file, "offset": 0}
    with pytest.raises(Violation, match="closed"):
        fetch(sending(start(), closed), scope=offering("zerocopysend"))
    with pytest.raises(Violation, match="descriptor"):
        fetch(sending(start(), {**closed, "file": "name"}), scope=offering("zerocopysend"))


def test_early_hint() -> None:
    """An early hint comes before the start, with links of bytes."""
    hint = {"type": "http.response.early_hint", "links": [b"</a>; rel=preload"]}
    assert fetch(sending(hint, start(), END), scope=offering("early_hint")).hints == [[b"</a>; rel=preload"]]
    with pytest.raises(Violation, match="after the start"):
        fetch(sending(start(), hint), scope=offering("early_hint"))
    with pytest.raises(Violation, match="no link"):
        fetch(sending({**hint, "links": ["text"]}), scope=offering("early_hint"))
