"""The configuration files of docs/: what cannot be run here is read, and every name in it has to exist."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from configparser import RawConfigParser
from pathlib import Path

from bridge.cli.interfaces import Interface, interface_of
from bridge.cli.targets import load
from tests.docs import commands
from tests.docs.pages import Block, of, the_block
from tests.wsgi_servers import apache

Reader = Callable[[str], Path]

UWSGI = ("servers/uwsgi.md", "uwsgi.ini")
SYSTEMD = ("servers/processes.md", "/etc/systemd/system/shop.service")
NGINX = ("servers/nginx.md", "/etc/nginx/conf.d/shop.conf")
APACHE = ("servers/mod_wsgi.md", "/etc/apache2/sites-available/api.conf")

# By the manuals of systemd.unit, systemd.service and systemd.exec.
_OF_SYSTEMD = {
    ("Unit", "Description"),
    ("Unit", "After"),
    ("Service", "User"),
    ("Service", "WorkingDirectory"),
    ("Service", "Environment"),
    ("Service", "ExecStart"),
    ("Service", "KillMode"),
    ("Service", "TimeoutStopSec"),
    ("Service", "Restart"),
    ("Install", "WantedBy"),
}

# By nginx's index of directives.
_OF_NGINX = {
    "client_max_body_size",
    "keepalive",
    "listen",
    "location",
    "proxy_buffering",
    "proxy_http_version",
    "proxy_pass",
    "proxy_read_timeout",
    "proxy_set_header",
    "server",
    "server_name",
    "upstream",
}

_APACHE = """
ServerRoot {here}
ServerName localhost
Listen 127.0.0.1:8000
ErrorLog /dev/stderr
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
{shown}
"""


def test_every_configuration_is_checked() -> None:
    """No configuration file of docs/ is without a test."""
    assert {(block.page, block.title) for block in of("ini", "nginx", "apache")} == {UWSGI, SYSTEMD, NGINX, APACHE}


def ini(block: Block) -> RawConfigParser:
    """A file of sections."""
    parser = RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names as they are, as documented
    parser.read_string(block.code)
    return parser


def test_uwsgi(reader: Reader) -> None:
    """uWSGI has every option of the file, and the application is WSGI; its event loop gets its thread."""
    reader(UWSGI[0])
    options = dict(ini(the_block(*UWSGI))["uwsgi"])
    assert {f"--{name}" for name in options} <= commands.options_of("uwsgi")
    assert interface_of(load(options["module"]), options["module"]) is Interface.WSGI
    assert options["enable-threads"] == "true"


def test_systemd(reader: Reader) -> None:
    """The service has names of systemd's, and its command is one that there is, with variables of bridge's."""
    reader(SYSTEMD[0])
    unit = ini(the_block(*SYSTEMD))
    assert {(section, name) for section in unit.sections() for name in unit[section]} <= _OF_SYSTEMD
    service = unit["Service"]
    commands.check(f"{service['Environment']} {service['ExecStart']}")
    grace = re.search(r"--timeout-graceful-shutdown (\d+)", service["ExecStart"])
    assert grace is not None
    assert int(service["TimeoutStopSec"]) > int(grace[1])


def test_nginx() -> None:
    """The file has directives of nginx's, each ended, in blocks that are closed, and passes on to what it names."""
    code = the_block(*NGINX).code
    lines = [line.strip() for line in code.splitlines() if line.strip()]
    assert all(line[-1] in ";{}" for line in lines)
    assert {line.split()[0] for line in lines} - {"}"} <= _OF_NGINX
    assert sum(line[-1] == "{" for line in lines) == lines.count("}")
    upstreams = set(re.findall(r"upstream (\w+) \{", code))
    assert set(re.findall(r"proxy_pass http://(\w+);", code)) == upstreams == {"shop"}


def test_apache(reader: Reader) -> None:
    """Apache accepts the file, where it is installed, and what it names is the page's WSGI application."""
    here = reader(APACHE[0])
    code = the_block(*APACHE).code
    [(folder, script)] = re.findall(r"^WSGIScriptAlias / (.+)/(.+)\.py$", code, re.MULTILINE)
    assert interface_of(load(f"{script}:application"), script) is Interface.WSGI
    assert f"<Directory {folder}>" in code
    [group] = re.findall(r"^WSGIDaemonProcess (\w+) ", code, re.MULTILINE)
    assert f"WSGIProcessGroup {group}\n" in code
    assert "WSGIApplicationGroup %{GLOBAL}\n" in code
    if apache.is_installed():
        configuration = here / "apache.conf"
        configuration.write_text(_APACHE.format(here=here, modules=apache.MODULES, shown=code))
        checked = subprocess.run(
            [str(apache.PROGRAM), "-t", "-f", str(configuration)],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert checked.returncode == 0, checked.stderr
