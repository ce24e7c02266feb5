"""Finding what ``MODULE:APP`` names."""

from __future__ import annotations

import difflib
import importlib
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from bridge.cli.errors import CommandError, named
from bridge.cli.interfaces import accepts, kind_of


class Target(NamedTuple):
    """The parts of ``MODULE:APP``."""

    module: str
    attributes: list[str]
    is_factory: bool

    @classmethod
    def of(cls, text: str) -> Target:
        """Read ``MODULE:APP``. Raises CommandError if it has another form."""
        module, _, name = text.partition(":")
        attributes = name.removesuffix("()").split(".")
        if not all(part.isidentifier() for part in [*module.split("."), *attributes]):
            is_path = "/" in module or module.endswith(".py")
            hint = " (a module is named with dots and without .py)" if is_path else ""
            raise CommandError(
                f"{text!r} is not of the form MODULE:APP, such as shop.web:app or shop.web:create(){hint}"
            )
        return cls(module, attributes, name.endswith("()"))


def load(target: str) -> Any:
    """What ``MODULE:APP`` names: an attribute of a module, or with ``()`` after it what a call of that returns."""
    module_name, attributes, is_factory = Target.of(target)
    # `python -m` has put the working directory there, a console script has not.
    here = str(Path.cwd())
    if not {"", here} & set(sys.path):
        sys.path.insert(0, here)
    found: Any = _import(module_name)
    path = module_name
    for attribute in attributes:
        try:
            found = getattr(found, attribute)
        except AttributeError:
            guesses = difflib.get_close_matches(attribute, dir(found), n=1)
            hint = f"; did you mean {guesses[0]!r}?" if guesses else ""
            raise CommandError(f"{path} has no attribute {attribute!r}{hint}") from None
        path = f"{path}{'.' if path != module_name else ':'}{attribute}"
    return _call(found, path) if is_factory else found


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            # The module that was asked for, or a package on the way to it. An import that fails inside the module names
            # another one.
            hint = f"; write {name.removesuffix('.py')} without .py" if name.endswith(".py") else ""
            raise CommandError(
                f"there is no module {error.name!r} in {Path.cwd()} or elsewhere on sys.path{hint}"
            ) from None
        raise CommandError(f"cannot import {name}: {error}{_place(error)}") from error
    except (Exception, SystemExit) as error:
        raise CommandError(f"cannot import {name}: it raised {named(error)}", trace=_trace(error)) from error


def _call(factory: Any, path: str) -> Any:
    if not callable(factory):
        raise CommandError(f"{path} ({kind_of(factory)}) cannot be called; write it without the () or --factory")
    if not accepts(factory, 0):
        raise CommandError(f"{path} needs arguments, and is called without any; wrap it in a function that gives them")
    try:
        made = factory()
    except (Exception, SystemExit) as error:
        raise CommandError(f"{path}() raised {named(error)}", trace=_trace(error)) from error
    if made is None:
        raise CommandError(f"{path}() returned None; does it lack its return statement?")
    return made


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _is_machinery(frame.filename)]
    return f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""


def _trace(error: BaseException) -> str:
    """The traceback of an error, from the first line of the application's."""
    below = error.__traceback__
    while below is not None and _is_machinery(below.tb_frame.f_code.co_filename):
        below = below.tb_next
    return "".join(traceback.format_exception(type(error), error, below))


def _is_machinery(filename: str) -> bool:
    return filename in {__file__, importlib.__file__} or filename.startswith("<frozen ")
