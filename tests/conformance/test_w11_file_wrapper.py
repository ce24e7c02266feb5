"""W11: wsgi.file_wrapper, on servers that send files themselves and on those that do not."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from bridge.errors import ApplicationError
from tests.conformance.adapting import adapt, get
from tests.conformance.applications import PLAIN
from tests.harness import Exchange, Gate, eventually, http_scope, run, together, until
from tests.harness.settling import settle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONTENT = bytes(range(256)) * 1000
OFFERS = {
    "neither": [],
    "pathsend": ["pathsend"],
    "zerocopysend": ["zerocopysend"],
    "both": ["pathsend", "zerocopysend"],
}


def offering(*extensions: str) -> dict[str, Any]:
    """Return the keys of a scope that offers these extensions."""
    return {"extensions": {f"http.response.{name}": {} for name in extensions}}


def sends(types: list[str]) -> set[str]:
    """Return the types of message among these that send files."""
    return {kind for kind in types if kind in {"pathsend", "zerocopysend"}}


class FileApplication:
    """Answers with a file through wsgi.file_wrapper, and watches what becomes of it."""

    def __init__(self, make: Callable[[], Any], length: int | None = None, block_size: int | None = None) -> None:
        self.make = make
        self.length = length
        self.block_size = block_size
        self.file: Any = None
        self.thread = 0
        self.closed_in: list[int] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.thread = threading.get_ident()
        self.file = self.make()
        really_close = self.file.close

        def close() -> None:
            # As Django does: response.close hangs on the file
            self.closed_in.append(threading.get_ident())
            really_close()

        self.file.close = close
        length = [] if self.length is None else [("Content-Length", str(self.length))]
        start_response("200 OK", [*PLAIN, *length])
        sizes = [] if self.block_size is None else [self.block_size]
        return environ["wsgi.file_wrapper"](self.file, *sizes)

    def check_closed(self) -> None:
        """Demand one close() in the application's own thread."""
        eventually(lambda: self.closed_in, "the file is closed")
        assert self.closed_in == [self.thread]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with known content."""
    file = tmp_path / "file.bin"
    file.write_bytes(CONTENT)
    return file


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("length", [None, len(CONTENT)])
def test_plain_file(path: Path, offer: str, method: str, length: int | None) -> None:
    """W11: a plain file arrives whole and is closed once in its thread, whatever the server offers."""
    app = FileApplication(lambda: path.open("rb"), length)
    response = get(app, method, scope=offering(*OFFERS[offer]), valid=False)
    assert (response.status, response.complete, response.error) == (200, True, None)
    assert response.body == (CONTENT if method == "GET" else b"")
    assert response.values(b"content-length") == ([] if length is None else [str(length).encode()])
    app.check_closed()


def test_pathsend(path: Path) -> None:
    """W11: pathsend for a plain binary file at offset 0 whose declared length is its size."""
    app = FileApplication(lambda: path.open("rb"), len(CONTENT))
    response = get(app, scope=offering("pathsend"), valid=False)
    assert response.types == ["start", "pathsend"]
    assert response.messages[1]["path"] == str(path)
    app.check_closed()


def test_zerocopysend(path: Path) -> None:
    """W11: zerocopysend with descriptor, offset and count."""

    def opened() -> Any:
        file = path.open("rb")
        file.seek(1000)
        return file

    app = FileApplication(opened, 100_000)
    response = get(app, scope=offering("zerocopysend", "pathsend"), valid=False)
    assert sends(response.types) == {"zerocopysend"}
    message = next(message for message in response.messages if message["type"].endswith("zerocopysend"))
    assert (message["offset"], message["count"]) == (1000, 100_000)
    assert response.body == CONTENT[1000:101_000]
    app.check_closed()


def replaced(path: Path) -> Any:
    """Open a file whose name is then given to another."""
    file = path.open("rb")
    other = path.with_name("other")
    other.write_bytes(b"!" * len(CONTENT))
    other.rename(path)
    return file


def removed(path: Path) -> Any:
    """Open a file that has lost its name."""
    file = path.open("rb")
    path.unlink()
    return file


def read_into(path: Path) -> Any:
    """Open a file and read a part of it, so that its descriptor is ahead of its position."""
    file = path.open("rb")
    file.read(10)
    return file


def linked(path: Path) -> Any:
    """Open a file whose recorded name is now a link to another one."""
    file = path.open("rb")
    other = path.with_name("secret")
    other.write_bytes(b"?" * len(CONTENT))
    path.unlink()
    path.symlink_to(other)
    return file


def zipped(path: Path) -> Any:
    """Open a compressed file, whose descriptor gives something else than read()."""
    packed = path.with_name("packed.gz")
    packed.write_bytes(gzip.compress(CONTENT))
    return gzip.open(packed, "rb")


def unflushed(path: Path) -> Any:
    """Open a file with content that is not on the disk yet."""
    file = path.with_name("fresh").open("w+b", buffering=10 * len(CONTENT))
    file.write(CONTENT)
    file.seek(0)
    return file


class Rot13(io.FileIO):
    """A file whose read() gives something else than its descriptor."""

    def read(self, size: int | None = -1, /) -> bytes:
        return bytes(byte ^ 1 for byte in super().read(-1 if size is None else size) or b"")


def piped(_path: Path) -> Any:
    """Open a pipe, which has a descriptor and no offset."""
    reader, writer = os.pipe()

    def fill() -> None:
        with os.fdopen(writer, "wb") as file:
            file.write(CONTENT)

    threading.Thread(target=fill).start()
    return os.fdopen(reader, "rb")


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (replaced, CONTENT),
        (removed, CONTENT),
        (linked, CONTENT),
        (read_into, CONTENT[10:]),
        (zipped, CONTENT),
        (unflushed, CONTENT),
        (Rot13, bytes(byte ^ 1 for byte in CONTENT)),
        (piped, CONTENT),
        (lambda path: path.open("rb", buffering=0), CONTENT),
        (lambda path: path.open("r+b"), CONTENT),
        (lambda path: os.fdopen(os.open(path, os.O_RDONLY), "rb"), CONTENT),
    ],
    ids=[
        "replaced", "removed", "linked", "read into", "zipped", "unflushed", "subclass", "pipe", "raw", "read-write",
        "by descriptor",
    ],
)  # fmt: skip
@pytest.mark.parametrize("declared", [True, False])
def test_never_the_wrong_bytes(
    path: Path, offer: str, make: Callable[[Path], Any], expected: bytes, declared: bool
) -> None:
    """W11: what is sent is what read() would give, for files that are not what they look like."""
    app = FileApplication(lambda: make(path), len(expected) if declared else None)
    response = get(app, scope=offering(*OFFERS[offer]), valid=False)
    assert response.error is None
    assert response.body == expected
    assert response.complete
    if make in (replaced, removed, linked, read_into, zipped, piped):
        assert "pathsend" not in response.types
    if make in (zipped, piped):
        assert not sends(response.types)
    app.check_closed()


@pytest.mark.parametrize("offer", OFFERS)
def test_temporary_files(offer: str) -> None:
    """W11: temporary files arrive, with and without a name, and those that are still in memory."""
    for make in (tempfile.TemporaryFile, tempfile.NamedTemporaryFile, tempfile.SpooledTemporaryFile):

        def opened(make: Any = make) -> Any:
            file = make()
            file.write(CONTENT)
            file.seek(0)
            return file

        app = FileApplication(opened, len(CONTENT))
        response = get(app, scope=offering(*OFFERS[offer]), valid=False)
        assert (response.body, response.error) == (CONTENT, None), make
        app.check_closed()


class Memory(io.BytesIO):
    """A file in memory that remembers the sizes that it was asked for."""

    sizes: list[int]

    def read(self, size: int | None = -1, /) -> bytes:
        self.sizes.append(-1 if size is None else size)
        return super().read(size)


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("block_size", [None, 10, 4096])
def test_read_in_large_blocks(offer: str, block_size: int | None) -> None:
    """W11: everything else is read in large blocks; the application's block size is a suggestion."""
    Memory.sizes = []
    app = FileApplication(lambda: Memory(CONTENT * 4), None, block_size)
    response = get(app, scope=offering(*OFFERS[offer]), valid=False)
    assert response.body == CONTENT * 4
    assert all(size >= 16_384 for size in Memory.sizes)
    app.check_closed()


def test_length_shorter_than_the_file(path: Path) -> None:
    """W11: the declared length bounds what is sent, also by the server itself."""
    for offer in OFFERS.values():
        app = FileApplication(lambda: path.open("rb"), 100)
        response = get(app, scope=offering(*offer), valid=False)
        assert (response.body, response.complete) == (CONTENT[:100], True)
        assert "pathsend" not in response.types
        app.check_closed()


def test_length_longer_than_the_file(path: Path) -> None:
    """W9, W11: a file shorter than declared never looks like a complete response."""
    for offer in OFFERS.values():
        app = FileApplication(lambda: path.open("rb"), len(CONTENT) + 1)
        response = get(app, scope=offering(*offer), valid=False)
        assert not response.complete
        assert isinstance(response.error, ApplicationError)
        app.check_closed()


@pytest.mark.parametrize("offer", OFFERS)
def test_empty_file(tmp_path: Path, offer: str) -> None:
    """W11: an empty file is a complete empty response."""
    empty = tmp_path / "empty"
    empty.touch()
    app = FileApplication(lambda: empty.open("rb"), 0)
    response = get(app, scope=offering(*OFFERS[offer]), valid=False)
    assert (response.body, response.complete, response.error) == (b"", True, None)
    app.check_closed()


def test_text_file(path: Path) -> None:
    """W11: a text file is the application's error."""
    path.write_text("text")
    for offer in OFFERS.values():
        app = FileApplication(path.open, 4)
        response = get(app, scope=offering(*offer), valid=False)
        assert isinstance(response.error, ApplicationError)
        assert not response.complete
        app.check_closed()


class OnlyRead:
    """All that PEP 3333 asks of a file: read() with a size."""

    def __init__(self) -> None:
        self._file = io.BytesIO(CONTENT)

    def read(self, size: int = -1) -> bytes:
        """Read."""
        return self._file.read(size)


def test_as_pep_3333_has_it() -> None:
    """PEP 3333: file_wrapper takes a file and an optional block size, and returns an iterable of its content."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        wrapper = environ["wsgi.file_wrapper"]
        closable = io.BytesIO(CONTENT)
        both = wrapper(closable, 1000), wrapper(OnlyRead())
        contents = [b"".join(iterable) for iterable in both]
        both[0].close()
        start_response("200 OK", list(PLAIN))
        return [b"%d" % contents.count(CONTENT), b"closed" if closable.closed else b"open"]

    assert get(app).body == b"2closed"


def test_only_read_is_needed() -> None:
    """PEP 3333: a file without close(), fileno() or a name can be sent."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", list(PLAIN))
        return environ["wsgi.file_wrapper"](OnlyRead())

    for offer in OFFERS.values():
        response = get(app, scope=offering(*offer), valid=False)
        assert (response.body, response.error) == (CONTENT, None)


def test_nothing_is_sent_before_it_is_returned(path: Path) -> None:
    """PEP 3333: making a wrapper sends nothing; an application may still answer otherwise."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with path.open("rb") as file:
            environ["wsgi.file_wrapper"](file)
            start_response("404 Not Found", list(PLAIN))
            return [b"other"]

    response = get(app, scope=offering("pathsend", "zerocopysend"), valid=False)
    assert (response.status, response.body) == (404, b"other")


@pytest.mark.parametrize("offer", OFFERS)
def test_through_middleware(path: Path, offer: str) -> None:
    """W11: middleware that wraps the iterable gets a plain one, and its close() closes the file."""
    app = FileApplication(lambda: path.open("rb"), len(CONTENT))
    response = get(app, scope=offering(*OFFERS[offer]), valid=True)
    assert (response.body, response.error) == (CONTENT, None)
    assert not sends(response.types)
    app.check_closed()


def test_written_before_the_file(path: Path) -> None:
    """W8, W11: bytes written before a file come before it."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [*PLAIN, ("Content-Length", str(len(CONTENT)))])(b"12345")
        return environ["wsgi.file_wrapper"](path.open("rb"))

    for offer in OFFERS.values():
        response = get(app, scope=offering(*offer), valid=False)
        assert response.body == b"12345" + CONTENT[:-5]
        assert "pathsend" not in response.types


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("end", ["disconnect", "cancel"])
def test_a_client_that_leaves(path: Path, offer: str, end: str) -> None:
    """W10: the file is closed once, in its thread, when the client leaves in the middle of the transfer."""
    app = FileApplication(lambda: path.open("rb"), len(CONTENT))

    async def main() -> None:
        scope = http_scope(**offering(*OFFERS[offer]))
        async with Exchange(adapt(app, valid=False), scope, stall_after=1) as exchange:
            await exchange.stalled.passed()
            getattr(exchange, end)()

    run(main)
    app.check_closed()


@pytest.mark.parametrize("offer", ["pathsend", "zerocopysend"])
def test_failing_transfer(path: Path, offer: str) -> None:
    """W10: the file is closed once, in its thread, when the server cannot send it."""
    app = FileApplication(lambda: path.open("rb"), len(CONTENT))
    get(app, scope=offering(offer), valid=False, server={"fail_at": 1})
    app.check_closed()


@pytest.mark.parametrize("offer", OFFERS)
def test_a_slow_client_holds_no_thread(path: Path, offer: str) -> None:
    """W10, W11: a plain file is sent while the only thread serves others; close() goes to it before new requests."""
    order: list[str] = []
    running, go_on = Gate("the second runs"), Gate("the second may end")
    files = FileApplication(lambda: path.open("rb"), len(CONTENT))

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        name = environ["PATH_INFO"]
        if name == "/file":
            result = files(environ, start_response)
            really_close = files.file.close

            def close() -> None:
                order.append("/file is closed")
                really_close()

            files.file.close = close
            return result
        order.append(name)
        if name == "/second":
            running.open()
            go_on.wait()
        start_response("200 OK", list(PLAIN))
        return [name.encode()]

    async def main() -> None:
        adapter = adapt(app, valid=False, threads=1)
        transfer = Exchange(adapter, http_scope(path="/file", **offering(*OFFERS[offer])), stall_after=1)
        second, third = (Exchange(adapter, http_scope(path=name)) for name in ("/second", "/third"))
        async with transfer:
            await transfer.stalled.passed()
            async with second, third:
                await running.passed()
                transfer.resume.open()
                await transfer.until(lambda: transfer.response.complete)
                # The ASGI call may wait for close(), which waits for the thread
                await settle()
                go_on.open()
        assert transfer.response.body == CONTENT

    run(main)
    files.check_closed()
    assert order == ["/second", "/file is closed", "/third"]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("offer", OFFERS)
def test_transfers_on_every_thread(path: Path, offer: str, threads: int) -> None:
    """W11, B1: as many slow downloads as there are threads, and still the next request is served at once."""
    files = FileApplication(lambda: path.open("rb"), len(CONTENT))

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/file":
            return files(environ, start_response)
        start_response("200 OK", list(PLAIN))
        return [b"served"]

    async def main() -> None:
        adapter = adapt(app, valid=False, threads=threads)
        scope = http_scope(path="/file", **offering(*OFFERS[offer]))
        downloads = [Exchange(adapter, scope, stall_after=1) for _ in range(threads)]
        async with together(downloads):
            for download in downloads:
                await download.stalled.passed()
            await until(lambda: adapter.stats().busy == 0, "the threads are free")
            try:
                async with Exchange(adapter) as plain:
                    await plain.finished.passed(2)
            finally:
                for download in downloads:
                    download.resume.open()
            assert plain.response.body == b"served"
        assert [download.response.body for download in downloads] == [CONTENT] * threads

    run(main)


def test_many_transfers_at_once(path: Path) -> None:
    """W11: transfers by the server hold none of the threads, and every file is closed."""
    apps = [FileApplication(lambda: path.open("rb"), len(CONTENT)) for _ in range(10)]

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        return apps[int(environ["PATH_INFO"][1:])](environ, start_response)

    async def main() -> None:
        adapter = adapt(app, valid=False, threads=2)
        scopes = [http_scope(path=f"/{number}", **offering("zerocopysend")) for number in range(10)]
        exchanges = [Exchange(adapter, scope, stall_after=1) for scope in scopes]
        async with together(exchanges):
            for exchange in exchanges:
                await exchange.stalled.passed()
            for exchange in exchanges:
                exchange.resume.open()
        for exchange in exchanges:
            assert exchange.response.body == CONTENT

    run(main)
    for application in apps:
        application.check_closed()


@pytest.mark.parametrize("offer", ["pathsend", "zerocopysend"])
def test_a_short_file(tmp_path: Path, offer: str) -> None:
    """W11: a server that sends files itself is given short ones too."""
    short = tmp_path / "short"
    short.write_bytes(b"short")
    app = FileApplication(lambda: short.open("rb"), length=5)
    response = get(app, scope=offering(offer), valid=False)
    assert response.types == ["start", offer]
    app.check_closed()


@pytest.mark.parametrize("offer", OFFERS)
def test_an_empty_file(tmp_path: Path, offer: str) -> None:
    """W11: an empty file is an empty body: to the system, sending nothing may mean sending all that there is."""
    empty = tmp_path / "empty"
    empty.touch()
    app = FileApplication(lambda: empty.open("rb"), length=0)
    response = get(app, scope=offering(*OFFERS[offer]), valid=False)
    assert (response.types, response.body) == (["start", "body"], b"")
    app.check_closed()


@pytest.mark.parametrize("offer", OFFERS)
def test_in_an_executor(path: Path, offer: str) -> None:
    """W11, W14: with executor= the one job of a request covers the sending of its file, and closes it."""
    app = FileApplication(lambda: path.open("rb"), len(CONTENT))
    with ThreadPoolExecutor(1) as executor:
        options = {"executor": executor}
        response = get(app, scope=offering(*OFFERS[offer]), valid=False, options=options)
        assert (response.complete, response.error) == (True, None)
        assert sends(response.types) == set(OFFERS[offer][:1])
        app.check_closed()


@pytest.mark.parametrize("offer", OFFERS)
def test_a_client_that_leaves_a_file_of_an_executor(path: Path, offer: str) -> None:
    """W10, W14: with executor= the file of a client that leaves is closed in the application's thread too."""
    app = FileApplication(lambda: path.open("rb"), len(CONTENT))

    async def main() -> None:
        scope = http_scope() | offering(*OFFERS[offer])
        async with Exchange(adapt(app, valid=False, executor=executor), scope, stall_after=1) as exchange:
            await exchange.stalled.passed()
            assert app.closed_in == []
            exchange.disconnect()

    with ThreadPoolExecutor(1) as executor:
        run(main)
        app.check_closed()
