"""Each entry in the table of limits is the server's own: a native ASGI application has it too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.kinds import KINDS, Kind
from tests.servers.limits import LIMITS, Limit
from tests.servers.probes import PROBES
from tests.servers.running import running


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        pytest.param(kind, limit, id=f"{kind.name}-{limit.name}")
        for family, limit in LIMITS
        for kind in KINDS
        if kind.family == family
    ],
)
def test_native_application_has_it_too(kind: Kind, limit: Limit, tmp_path: Path) -> None:
    """W4, W13, W17: no bridge could give there what the table excepts."""
    with running(kind, "native:app", tmp_path) as server:
        assert PROBES[limit](server)
