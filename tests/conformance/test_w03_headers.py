"""W3: request headers."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.conformance.adapting import adapt, get
from tests.conformance.applications import answering, environ_of, result_in_app
from tests.harness import fetch


def headers_of(*headers: tuple[bytes, bytes], **request: Any) -> dict[str, str]:
    """Return the HTTP_ keys that an application gets for these headers, and no others."""
    environ = environ_of(scope={"headers": list(headers)}, **request)
    return {key: value for key, value in environ.items() if key.startswith("HTTP_")}


def test_repeated_headers() -> None:
    """W3: repeated headers are joined by a comma, in order, in any mixture of cases."""
    given = [(b"x-a", b"1"), (b"x-b", b"b"), (b"X-A", b"2"), (b"x-A", b"3, 4")]
    assert headers_of(*given) == {"HTTP_X_A": "1,2,3, 4", "HTTP_X_B": "b"}


def test_cookies() -> None:
    """W3: repeated cookies are joined by a semicolon and a space."""
    given = [(b"cookie", b"a=1; b=2"), (b"Cookie", b"c=3"), (b"cookie", b"d=4,5")]
    assert headers_of(*given) == {"HTTP_COOKIE": "a=1; b=2; c=3; d=4,5"}


def test_latin_1() -> None:
    """W3: values are latin-1, whatever their bytes."""
    value = bytes(byte for byte in range(1, 256) if byte not in b"\r\n")
    assert headers_of((b"x-bytes", value)) == {"HTTP_X_BYTES": value.decode("latin-1")}


def test_empty_value() -> None:
    """W3: a header with an empty value is there."""
    assert headers_of((b"x-empty", b"")) == {"HTTP_X_EMPTY": ""}


@pytest.mark.parametrize("order", [1, -1])
def test_underscore_never_merges(order: int) -> None:
    """W3: a name with an underscore never merges with the dashed one."""
    given = [(b"x-real-user", b"proxy"), (b"x_real_user", b"client"), (b"X_Real-User", b"client")][::order]
    assert headers_of(*given) == {"HTTP_X_REAL_USER": "proxy"}


def test_underscore_is_dropped() -> None:
    """W3: a name with an underscore is dropped unless the user opts in."""
    assert headers_of((b"x_real_user", b"client"), (b"content_length", b"9"), (b"content_type", b"t")) == {}
    environ = environ_of(scope={"headers": [(b"content_length", b"9"), (b"content_type", b"t")]})
    assert not {"CONTENT_LENGTH", "CONTENT_TYPE"} & {key for key, value in environ.items() if value}


@pytest.mark.parametrize("order", [1, -1])
def test_underscore_opted_in(order: int) -> None:
    """W3: with underscore_headers=True such a name is passed on, and still never merged with the dashed one."""
    options = {"underscore_headers": True}
    assert headers_of((b"x_one", b"1"), options=options) == {"HTTP_X_ONE": "1"}
    given = [(b"x-real-user", b"proxy"), (b"x_real_user", b"client")][::order]
    assert headers_of(*given, options=options) == {"HTTP_X_REAL_USER": "proxy"}


@pytest.mark.parametrize("name", [b"proxy", b"Proxy", b"PROXY"])
@pytest.mark.parametrize("options", [{}, {"underscore_headers": True}])
def test_proxy(name: bytes, options: dict[str, Any]) -> None:
    """W3: a Proxy header never becomes HTTP_PROXY, which libraries take for a setting (httpoxy)."""
    assert headers_of((name, b"http://evil"), (b"x-a", b"1"), options=options) == {"HTTP_X_A": "1"}


@pytest.mark.parametrize("name", [b"Content-Type", b"CONTENT-TYPE", b"content-type"])
def test_names_in_any_case(name: bytes) -> None:
    """W3: names in any case."""
    environ = environ_of("POST", body=[b"x"], headers=[(name, b"a/b")])
    assert environ["CONTENT_TYPE"] == "a/b"
    assert "HTTP_CONTENT_TYPE" not in environ


@pytest.mark.parametrize("query", [b"a=1&b=2", b"%zz", b"\xff\x80", b"a=\xc3\xa9", bytes(range(33, 256))])
def test_query_bytes(query: bytes) -> None:
    """W3: the bytes of the query pass as latin-1."""
    assert environ_of(scope={"query_string": query})["QUERY_STRING"] == query.decode("latin-1")


@pytest.mark.parametrize("lengths", [[b"4", b"4"], [b"4", b"4", b"4"], [b"4, 4"], [b"4,4", b"4"]])
def test_equal_content_lengths(lengths: list[bytes]) -> None:
    """W3: equal Content-Lengths collapse to one."""
    environ = environ_of("POST", body=b"four", headers=[(b"content-length", length) for length in lengths])
    assert environ["CONTENT_LENGTH"] == "4"


@pytest.mark.parametrize("lengths", [[b"4", b"5"], [b"4", b"4", b"5"], [b"4, 5"], [b"4", b"4, 5"]])
def test_differing_content_lengths(lengths: list[bytes]) -> None:
    """W3: differing Content-Lengths are 400, and the application does not run."""
    called: list[bool] = []
    response = get(
        lambda *_: called.append(True), "POST", body=b"four", headers=[(b"Content-Length", value) for value in lengths]
    )
    assert (response.status, response.complete, response.error) == (400, True, None)
    assert not called


@pytest.mark.parametrize("length", [b"abc", b"-1", b"+4", b"1_0", b"4 4", b"0x4", b"4.0", b"\xb2", b""])
@pytest.mark.parametrize("options", [{}, {"body": "spool"}, {"body": "stream"}, {"max_body_size": 4}])
def test_unparsable_content_length(length: bytes, options: dict[str, Any]) -> None:
    """W3: an unparsable Content-Length is passed on as it is, and the body is what comes."""
    seen = result_in_app(
        lambda environ: (environ["CONTENT_LENGTH"], environ["wsgi.input"].read()),
        "POST",
        body=[b"fo", b"ur"],
        headers=[(b"content-length", length)],
        options=options,
        valid=False,
    )
    assert seen == (length.decode("latin-1"), b"four")


def test_absurd_content_length() -> None:
    """W3: a Content-Length of more digits than Python turns into a number harms nobody."""
    response = get(answering(b"ok"), "POST", body=[b"four"], headers=[(b"content-length", b"1" * 5000)], valid=False)
    assert response.error is None
    assert response.status in {200, 400, 413}


@pytest.mark.parametrize("name", [b"x-a", b"cookie", b"x_a", b"accept", b"content-length"])
def test_cost_is_linear(name: bytes) -> None:
    """W3: the cost is linear in the number of headers: 40,000 equal ones take less than a second."""
    adapter = adapt(answering(b"ok"), max_headers=50_000)
    headers = [(name, b"1")] * 40_000
    begin = time.process_time()
    response = fetch(adapter, headers=headers, body=[b"1"])
    assert time.process_time() - begin < 1
    assert response.status == 200


def test_cost_of_different_names() -> None:
    """W3: 40,000 headers with as many names take less than a second, and no cache of names keeps them."""
    adapter = adapt(answering(b"ok"), max_headers=50_000)
    headers = [(b"x-%d" % number, b"1") for number in range(40_000)]
    begin = time.process_time()
    assert fetch(adapter, headers=headers).status == 200
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(("number", "status"), [(999, 200), (1000, 431)])
def test_too_many_headers(number: int, status: int) -> None:
    """W3: more than max_headers (1000; here with the Host header) is 431 before the application runs."""
    called: list[bool] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        called.append(True)
        return list(answering(b"ok")(environ, start_response))

    response = get(app, headers=[(b"x-a", b"1")] * number)
    assert (response.status, response.complete, response.error) == (status, True, None)
    assert bool(called) is (status == 200)


def test_max_headers() -> None:
    """W3: max_headers= sets the number."""
    adapter = adapt(answering(b"ok"), max_headers=2)
    assert fetch(adapter, headers=[(b"x-a", b"1")]).status == 200
    assert fetch(adapter, headers=[(b"x-a", b"1"), (b"x-b", b"2")]).status == 431
