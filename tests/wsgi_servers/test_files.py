"""Files that the application leaves to the server."""

from __future__ import annotations

from pathlib import Path

from tests.servers.content import MEGABYTE, blocks
from tests.wsgi_servers.kinds import Kind
from tests.wsgi_servers.limits import Limit, limited
from tests.wsgi_servers.serving import Served

SIZE = 8 * MEGABYTE


def test_a_whole_file(served: Served, kind: Kind, tmp_path: Path) -> None:
    """A8: `http.response.pathsend` is offered where the server has a file wrapper, and the file arrives whole there."""
    offered = "http.response.pathsend" in served.server.ask("/scope").json()["extensions"]
    assert offered is not limited(kind, Limit.NO_FILES)
    if not offered:
        return
    path = tmp_path / "file.bin"
    with path.open("wb") as file:
        file.writelines(blocks(SIZE))
    answer = served.server.ask(f"/file?path={path}")
    assert answer.header("Content-Length") == str(SIZE)
    assert answer.body == path.read_bytes()
