"""Reading `wsgi.input` for an ASGI application."""
