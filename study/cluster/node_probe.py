"""What a node of a cluster can say of itself before a study starts there. It runs on the node: no import of ours, none
of a package that may be missing there.
"""

import importlib
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

SECONDS_TO_ANSWER = 5.0


class Found(NamedTuple):
    """A package or module here: its version, where that was asked for, and why it cannot be imported, if so."""

    version: str = ""
    error: str = ""


def versions(packages: Mapping[str, str], modules: Sequence[str] = ()) -> dict[str, Found]:
    """Distribution → what is found of it, where `packages` says under which name it is imported; so for `modules`,
    whose versions are not asked for.
    """
    found = {
        distribution: Found("" if (error := _import(module)) else version(distribution), error)
        for distribution, module in packages.items()
    }
    return found | {module: Found(error=_import(module)) for module in modules}


def _import(module: str) -> str:
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:  # whatever a broken installation raises
        return f"{type(error).__name__}: {_first_line(error)}"
    return ""


def write(storage: str, name: str) -> str:
    """Write the file `name` into the folder or URI `storage`; empty, or why that failed."""
    try:
        files, folder = _open(storage)
        files.create_dir(folder, recursive=True)
        with files.open_output_stream(f"{folder}/{name}") as stream:
            stream.write(name.encode())
    except Exception as error:  # every kind of storage has errors of its own
        return _first_line(error)
    return ""


def sees(storage: str, names: Sequence[str]) -> list[bool]:
    """Whether this node can read each of the files that other nodes wrote into `storage`."""
    return [_reads(storage, name) for name in names]


def _reads(storage: str, name: str) -> bool:
    try:
        files, folder = _open(storage)
        with files.open_input_stream(f"{folder}/{name}") as stream:
            return stream.read() == name.encode()
    except Exception:  # every kind of storage has errors of its own
        return False


def remove(storage: str, names: Sequence[str]) -> None:
    """Take the files of `write` away again, where they are."""
    for name in names:
        with suppress(Exception):  # not written, or not seen from here
            files, folder = _open(storage)
            files.delete_file(f"{folder}/{name}")


def _open(storage: str) -> tuple[Any, str]:
    """The file system of `storage`, and the folder in it."""
    from pyarrow import fs  # Ray Tune's own way to storage, on nodes that have it

    return fs.FileSystem.from_uri(storage if "://" in storage else str(Path(storage).absolute()))


def reach(host: str, port: int) -> str:
    """Connect to a server; empty, or why that failed."""
    try:
        socket.create_connection((host, port), timeout=SECONDS_TO_ANSWER).close()
    except OSError as error:
        return error.strerror or "no answer"
    return ""


def _first_line(error: BaseException) -> str:  # the words of all other errors need PyYAML
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error).strip().partition("\n")[0]
