"""The user's own modules: where they are looked for, and which names they cannot have.

A module is looked for beside the study file, then in the current folder, then where Python looks. A name that something
else has, too (`wave` is Python's, `torch` a package), is refused: which one is imported would depend on the process.
"""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from search_spaces.errors import StudyFileError

folders: list[str] = []
"""Where this process looks first, in this order."""

checked: set[str] = set()
"""Those of them that another process has looked into: it has the same module of every name."""

found: set[str] = set()
"""The modules of study files that this process has imported."""


def look_in(*places: str | Path, seen: bool = False) -> None:
    """Look in these folders first from now on; `seen` where the driver has found that no name is taken."""
    first = [str(Path(place).resolve()) for place in places]
    folders[:] = list(dict.fromkeys([*first, *folders]))
    checked.update(first if seen else ())


def import_own(name: str, block: str = "problem") -> ModuleType:
    """The module of this name, for a block of a study file, and whatever it raises.

    Raises StudyFileError if something else has the name, too.
    """
    top = name.partition(".")[0]
    importlib.invalidate_caches()
    folder = next((place for place in folders if PathFinder.find_spec(top, [place])), None)
    if folder is not None:
        _forget(top, folder)
        if folder not in checked:
            _require_own_name(top, folder, block)
    with _first(folder):
        module = importlib.import_module(name)
    found.update({top} if folder is not None else ())
    return module


def file_of(name: str) -> str | None:
    """The file of a study file's own module that was imported; None if it is no such module."""
    return _file(sys.modules[name].__spec__) if name.partition(".")[0] in found and name in sys.modules else None


def _forget(top: str, folder: str) -> None:
    """Of a study file that was read before, in another folder, a module of the same name."""
    if top in found and _another(top) != _file(PathFinder.find_spec(top, [folder])):
        for name in [name for name in sys.modules if name == top or name.startswith(f"{top}.")]:
            del sys.modules[name]


@contextmanager
def _first(folder: str | None) -> Iterator[None]:
    """While entered, this folder (or the current one, last) is where Python looks; later, too, but last."""
    if folder is not None:
        sys.path.insert(0, folder)
    elif os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        yield
    finally:
        if folder is not None:
            sys.path.remove(folder)
            if folder not in sys.path:  # what it imports while it runs
                sys.path.append(folder)


def _require_own_name(top: str, folder: str, block: str) -> None:
    own, other = _file(PathFinder.find_spec(top, [folder])), _another(top)
    if other is not None and other != own:
        raise StudyFileError(
            f"{block}.name: {own} cannot be imported as {top}, which is also the name of {other}; give it another name"
        )


def _another(top: str) -> str | None:
    """What else is imported by this name, or would be."""
    if top in sys.modules:
        return _file(sys.modules[top].__spec__) or "a module of Python"
    if top in sys.builtin_module_names:
        return "a module of Python"
    elsewhere = [place for place in sys.path if str(Path(place).resolve()) not in folders]
    spec = PathFinder.find_spec(top, elsewhere)
    return _file(spec) if spec is not None and spec.has_location else None


def _file(spec: ModuleSpec | None) -> str | None:
    """The file of a module, or the folder of a package without a file of its own."""
    if spec is None:
        return None
    place = spec.origin if spec.has_location else next(iter(spec.submodule_search_locations or ()), None)
    return None if place is None else os.path.realpath(place)
