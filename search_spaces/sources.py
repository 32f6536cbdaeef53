"""The source of a study's own modules: those of its problem and its network, and all that they import from the same
folder.

Imports are followed in the text, those inside functions included, so that every process finds the same. What is
installed, and our own packages, are left out: a study knows their versions.
"""

import ast
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from search_spaces.contestants import plain_studies
from search_spaces.errors import StudyFileError
from search_spaces.own import import_named
from search_spaces.schema import Choice, Study

OURS = ("cnn_core", "search_spaces", "study")
DIGITS = 16

Sources = Mapping[str, bytes]
"""A file's path in the folder of the modules → its content."""


def own_names(study: Study) -> dict[str, str]:
    """What a study names by `package.module:attribute` → in which block; what it searches, and contestants', too."""
    names: dict[str, str] = {}
    for plain in plain_studies(study).values() if study.contestants else ():
        names |= own_names(plain)
    for block, own in (("problem", study.problem.name), ("network", study.network.name)):
        searched = study.search.get(f"{block}.name")
        choices = searched.distribution.values if searched and isinstance(searched.distribution, Choice) else ()
        names |= {str(name): block for name in (own, *choices) if ":" in str(name)}
    return names


def sources_of(study: Study) -> Sources:
    """All modules of a study's own."""
    return {path: text for name, block in own_names(study).items() for path, text in own_sources(name, block).items()}


def own_sources(name: str, block: str = "problem") -> Sources:
    """The modules behind a name in a study file; none if it is one of ours, or cannot be imported."""
    module = name.partition(":")[0]
    if ":" not in name or module.partition(".")[0] in OURS:
        return {}
    if module not in sys.modules:
        with suppress(StudyFileError):  # whoever needs it says so
            import_named(name, block)
    file = getattr(sys.modules.get(module), "__file__", None)
    return {} if file is None else _sources(module, Path(file))


def version(sources: Sources) -> str | None:
    """A text that is another one when the sources are; None if there are none."""
    digest = sha256()
    for path in sorted(sources):
        digest.update(f"{path}\0{len(sources[path])}\0".encode() + sources[path])
    return digest.hexdigest()[:DIGITS] if sources else None


@lru_cache  # what was imported stays what it was, whatever becomes of its file
def _sources(module: str, file: Path) -> Sources:
    root = file.parents[module.count(".") + (file.name == "__init__.py")]
    installed = str(root) in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    found: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        top = name.partition(".")[0]
        if top in OURS or (installed and top != module.partition(".")[0]):
            continue
        for path in _files(root, name):
            if path.as_posix() not in found:
                found[path.as_posix()] = (root / path).read_bytes()
                waiting += _imported(found[path.as_posix()], path.parent.parts)
    return found


def _files(root: Path, name: str) -> Iterator[Path]:
    """The files that are read when a module is imported: its own, and those of the packages that it lies in."""
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        place = Path(*parts[:depth])
        yield from (path for path in (place / "__init__.py", place.with_suffix(".py")) if (root / path).is_file())


def _imported(source: bytes, package: tuple[str, ...]) -> list[str]:
    """What a module in this package may import, by full names; a name imported from a package may be a module of it."""
    names: list[str] = []
    with suppress(SyntaxError, ValueError):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                above = package[: len(package) - node.level + 1] if node.level else ()
                base = ".".join(filter(None, (*above, node.module)))
                names += [base, *(".".join(filter(None, (base, alias.name))) for alias in node.names)]
    return [name for name in names if name and "*" not in name]
