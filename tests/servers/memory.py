"""How much memory a group of processes holds, as the Linux kernel counts it."""

from __future__ import annotations

from pathlib import Path

PROC = Path("/proc")
RESET_THE_PEAK = "5"  # the value that /proc/PID/clear_refs takes for "forget the peak resident size"


def members(group: int) -> list[int]:
    """The live processes of a process group."""
    found = []
    for entry in PROC.iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            # The name in brackets may hold spaces, so count the fields from its end: state, parent, group.
            state, _, process_group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue  # it ended while we looked
        if int(process_group) == group and state not in "ZX":
            found.append(int(entry.name))
    return found


class Growth:
    """The most that a process group has held since this object was made, beyond what it held then."""

    def __init__(self, group: int) -> None:
        self._group = group
        self._before = {}
        for pid in members(group):
            (PROC / str(pid) / "clear_refs").write_text(RESET_THE_PEAK)
            self._before[pid] = _kilobytes(pid, "VmRSS")

    def bytes(self) -> int:
        """Peak minus baseline, summed over the processes; one that started meanwhile counts whole."""
        return 1024 * sum(_kilobytes(pid, "VmHWM") - self._before.get(pid, 0) for pid in members(self._group))


def _kilobytes(pid: int, field: str) -> int:
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0])
    raise LookupError(f"/proc/{pid}/status has no {field}")
