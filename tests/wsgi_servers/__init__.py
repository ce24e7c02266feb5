"""An ASGI application behind AsgiToWsgi on real WSGI servers, over sockets."""
