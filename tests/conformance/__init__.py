"""What the adapters promise to users, line by line: each test names its promise.

The promises are numbered W1 to W20 (a WSGI application on an ASGI server), A1 to A13 (an ASGI application on a WSGI
server; A13 in tests/wsgi_servers) and B1 to B5 (both directions); "PEP 3333" stands for a sentence of that
specification which binds a server. `wsgiref.validate.validator` is around every WSGI application, an adapter too,
unless the test is about one that is invalid, or looks at what the validator hides.
"""
