"""The application that ``BRIDGE_APP`` names, for a WSGI server.

::

    BRIDGE_APP=shop.api:app gunicorn bridge.wsgi:app

See ``bridge.deployment`` for the options. ``application`` is the same, for servers that expect that name.
"""

import os

from bridge.deployment import wsgi_application
from bridge.errors import UsageError

try:
    app = application = wsgi_application(os.environ)
except UsageError as error:
    raise error.with_traceback(None) from error.__cause__  # the way to it says nothing to who has set a variable
