"""What the adapter promises to users, line by line: each test names its promise.

The promises are numbered W1 to W20 (a WSGI application on an ASGI server) and B1 to B5 (both directions); "PEP 3333"
stands for a sentence of that specification which binds a server. Every application runs inside
`wsgiref.validate.validator`, unless the test is about an application that is invalid.
"""
