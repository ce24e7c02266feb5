"""A server that this machine lacks is a failure: a table that leaves it out unseen would promise what nobody tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wsgi_servers.kinds import Kind
from tests.wsgi_servers.serving import serving


def test_what_pip_cannot_install(tmp_path: Path) -> None:
    """The law: without Apache and mod_wsgi the tests on them fail, and are not skipped."""
    kind = Kind("absent", "absent", missing="needs a package of the system's")
    with pytest.raises(pytest.fail.Exception, match="absent needs a package"), serving(kind, tmp_path):
        pass


def test_what_pip_installs(tmp_path: Path) -> None:
    """The law: so it is with every other server, whose command ends at once."""
    kind = Kind("absent", "absent_server_of_nobodys")
    with pytest.raises(AssertionError, match="No module named"), serving(kind, tmp_path):
        pass
