"""What the command line is pointed at: one file of applications and of what is none."""

from __future__ import annotations

SOURCE = '''
import functools
import threading
import types

release = threading.Event()


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/endless":
        return endless()
    if environ["PATH_INFO"] == "/blocked":
        return blocked()
    return [b"served by ", threading.current_thread().name.encode()]


def endless():
    while True:
        yield b"again\\n"
        release.wait(0.05)


def blocked():
    yield b"blocked\\n"
    release.wait()


def create():
    return application


def create_with_defaults(config=None, testing=False):
    return application


def create_with_arguments(config):
    return application


def create_nothing():
    create()


def create_broken():
    raise LookupError("no configuration,\\nnowhere")


site = types.SimpleNamespace(web=types.SimpleNamespace(app=application), create=create)


class Instance:
    def __call__(self, environ, start_response):
        return application(environ, start_response)


class Compiled(Instance):
    """Does not tell its parameters, as some extension modules' callables do not."""

    __signature__ = 3


class Iterable:
    """The class of PEP 3333's example: its instances are the answers."""

    def __init__(self, environ, start_response):
        self.answer = application(environ, start_response)

    def __iter__(self):
        return iter(self.answer)


def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper


instance = Instance()
compiled = Compiled()
partial = functools.partial(lambda prefix, environ, start_response: application(environ, start_response), "prefix")
decorated = logged(application)
star = lambda *args: application(*args)
optional = lambda environ, start_response, settings=None: application(environ, start_response)


async def asgi(scope, receive, send):
    raise AssertionError


class AsgiInstance:
    async def __call__(self, scope, receive, send):
        raise AssertionError


class AsgiEndpoint:
    def __init__(self, scope, receive, send):
        raise AssertionError

    def __await__(self):
        raise AssertionError


class AsgiTwice:
    def __init__(self, scope):
        raise AssertionError

    async def __call__(self, receive, send):
        raise AssertionError


asgi_instance = AsgiInstance()
asgi_partial = functools.partial(asgi)
asgi_undeclared = lambda scope, receive, send: asgi(scope, receive, send)
asgi_twice = lambda scope: None
create_asgi = lambda: asgi

settings = {"DEBUG": True}
number = 3
one_argument_too_many = lambda environ, start_response, settings, more: None


async def coroutine_of_two(environ, start_response):
    raise AssertionError
'''
