"""The rules that keep the three packages apart: study → search_spaces → cnn_core, one file for MLflow, no print."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("cnn_core", "search_spaces", "study")
MOST_LINES = 350

ALLOWED_IMPORTS = {
    "cnn_core": {"cnn_core", "torch", "numpy"},
    "search_spaces": {"search_spaces", "cnn_core", "pydantic", "yaml", "optuna"},
}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported_packages(path: Path) -> Iterator[tuple[int, str]]:
    """Line and top-level package of every import of a file, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)}:{node.lineno}: relative import; write the package's name"
            yield node.lineno, (node.module or "").partition(".")[0]


def importers(package: str, *folders: str) -> set[str]:
    return {named(path) for path in sources(*folders) if package in {name for _, name in imported_packages(path)}}


@pytest.mark.parametrize("package", ALLOWED_IMPORTS)
def test_a_package_imports_only_what_it_may(package: str) -> None:
    allowed = ALLOWED_IMPORTS[package] | sys.stdlib_module_names
    wrong = [
        f"{named(path)}:{line}: {name}"
        for path in sources(package)
        for line, name in imported_packages(path)
        if name not in allowed
    ]
    assert not wrong


def test_linear_algebra_knows_nothing_else_of_the_core() -> None:
    imported = {
        node.module
        for path in sources("cnn_core/linear_algebra")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cnn_core")
    }
    assert {module for module in imported if not str(module).startswith("cnn_core.linear_algebra")} == set()


def test_only_the_tracking_imports_mlflow() -> None:
    assert importers("mlflow", *PACKAGES) <= {"study/tracking/store.py"}


def test_no_file_is_long() -> None:
    lengths = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources(*PACKAGES, "tests")}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_every_module_says_what_it_is() -> None:
    silent = [
        named(path)
        for path in sources(*PACKAGES)
        if (text := path.read_text(encoding="utf-8")).strip() and ast.get_docstring(ast.parse(text)) is None
    ]
    assert silent == []


def test_libraries_do_not_print() -> None:
    prints = [
        f"{named(path)}:{node.lineno}"
        for path in sources(*PACKAGES)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert prints == []
