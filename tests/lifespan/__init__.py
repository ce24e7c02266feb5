"""The lifespan of an ASGI application, by itself: on a loop of the test's, without an adapter."""
