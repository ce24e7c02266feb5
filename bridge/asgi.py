"""The application that ``BRIDGE_APP`` names, for an ASGI server.

::

    BRIDGE_APP=shop.web:app uvicorn bridge.asgi:app

See ``bridge.deployment`` for the options. ``application`` is the same, for servers that expect that name.
"""

import os

from bridge.deployment import asgi_application
from bridge.errors import UsageError

try:
    app = application = asgi_application(os.environ)
except UsageError as error:
    raise error.with_traceback(None) from error.__cause__  # the way to it says nothing to who has set a variable
