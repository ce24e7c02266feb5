"""The applications of a soak as real servers run them, one for each direction."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bridge import AsgiToWsgi, WsgiToAsgi
from tests.soak import asgi_application, wsgi_application
from tests.soak.context import named_in_asgi, named_in_wsgi
from tests.soak.ledger import Ledger

app = named_in_asgi(
    WsgiToAsgi(wsgi_application.Application(Ledger(), Path(tempfile.gettempdir())), threads=8, write_buffer=2000)
)
application = named_in_wsgi(
    AsgiToWsgi(asgi_application.Application(Ledger()), lifespan="off", write_buffer=2000, disconnect_grace=0.05)
)
