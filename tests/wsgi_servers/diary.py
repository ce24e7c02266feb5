"""What an application does, written into a file, and permissions to go on, which are files too.

Some of these servers run one request at a time, or several processes: no request can tell of another one there.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import anyio  # of native applications hypercorn runs some on trio

from tests.servers.rendezvous import PATIENCE

VARIABLE = "BRIDGE_TEST_DIARY"  # the environment variable that tells the application the folder
_PAUSE = 0.01  # seconds between two looks


@dataclass(frozen=True)
class Entry:
    """Something that happened in a process."""

    pid: int
    name: str
    event: str


class Diary:
    """A folder that the server's processes and the tests share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entries = folder / "entries"

    @classmethod
    def of_this_process(cls) -> Diary:
        """The one that the test which started this process reads."""
        return cls(Path(os.environ[VARIABLE]))

    # ---- for the application

    def write(self, name: str, event: str) -> None:
        """Add an entry; lines of several processes never mix."""
        line = json.dumps([os.getpid(), name, event]) + "\n"
        file = os.open(self._entries, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)

    async def allowed(self, name: str) -> bool:
        """Wait until the test allows it; False if it never does."""
        deadline = time.monotonic() + PATIENCE
        while not self.is_allowed(name):
            if time.monotonic() > deadline:
                return False
            await anyio.sleep(_PAUSE)
        return True

    def wait_until_allowed(self, name: str) -> bool:
        """The same in a thread."""
        deadline = time.monotonic() + PATIENCE
        while not self.is_allowed(name):
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE)
        return True

    def is_allowed(self, name: str) -> bool:
        """Whether the test has allowed it."""
        return self._permission(name).exists()

    # ---- for tests

    def allow(self, name: str) -> None:
        """Let what waits for `name` go on."""
        self._permission(name).touch()

    def entries(self) -> list[Entry]:
        """All of it, in order."""
        if not self._entries.exists():
            return []
        return [Entry(*json.loads(line)) for line in self._entries.read_text().splitlines()]

    def events(self, name: str) -> list[str]:
        """What happened under that name, in order."""
        return [entry.event for entry in self.entries() if entry.name == name]

    def pids(self, event: str) -> list[int]:
        """The processes that wrote of `event`, in order."""
        return [entry.pid for entry in self.entries() if entry.event == event]

    def _permission(self, name: str) -> Path:
        return self.folder / f"allowed-{name}"
