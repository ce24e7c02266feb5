"""`python -m tests.wsgi_servers.apache MODULE:APP HOST PORT`: Debian's Apache with mod_wsgi, configured for itself.

Debian's module runs Debian's own Python, so the application may use only what of this environment is pure Python.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

PROGRAM = Path("/usr/sbin/apache2")
THREADS = 8
MODULES = Path("/usr/lib/apache2/modules")
MISSING = "needs Debian's apache2-bin and libapache2-mod-wsgi-py3"
MOUNT = "/mounted-by-apache"

# mod_wsgi refuses to run as root. Folders of tests may be root's alone, so what root may read stays readable.
_NOT_AS_ROOT = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
]

_CONFIGURATION = """
ServerRoot {here}
ServerName {host}
Listen {host}:{port}
PidFile {here}/apache.pid
ErrorLog /dev/stderr
LogLevel warn
# A body that broke off below its declared length is noticed when the connection ends.
KeepAliveTimeout 1
LoadModule mpm_event_module {modules}/mod_mpm_event.so
# One process for connections, for good: one that starts later counts whole where tests look at growing memory.
ServerLimit 1
StartServers 1
ThreadsPerChild 32
MaxRequestWorkers 32
MinSpareThreads 1
MaxSpareThreads 32
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
# Else /a%2Fb is 404 before any application is asked.
AllowEncodedSlashes On
WSGISocketPrefix {here}/wsgi
WSGIChunkedRequest On
WSGIDaemonProcess site threads={threads} home={here} python-path={path}
WSGIProcessGroup site
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias {mount} {here}/site.wsgi
WSGIScriptAlias / {here}/site.wsgi
<Directory {here}>
    Require all granted
</Directory>
"""


def is_installed() -> bool:
    """Whether this machine has it."""
    return PROGRAM.exists() and (MODULES / "mod_wsgi.so").exists()


def main(target: str, host: str, port: str) -> None:
    """Become Apache."""
    here = Path.cwd()
    module, _, name = target.partition(":")
    here.joinpath("site.wsgi").write_text(f"from {module} import {name} as application\n")
    configuration = here / "apache.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            here=here,
            host=host,
            port=port,
            modules=MODULES,
            threads=THREADS,
            path=os.pathsep.join([*os.environ["PYTHONPATH"].split(os.pathsep), sysconfig.get_path("purelib")]),
            mount=MOUNT,
        )
    )
    command = [str(PROGRAM), "-f", str(configuration), "-DFOREGROUND"]
    if os.getuid() == 0:
        command = [*_NOT_AS_ROOT, *command]
    os.execvp(command[0], command)  # noqa: S606  no shell, which is what it is for


if __name__ == "__main__":
    main(*sys.argv[1:])
