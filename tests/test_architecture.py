"""The rules that keep the house in order: packages, rooms and what each may import, one file for MLflow, no print."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("cnn_core", "search_spaces", "study")
MOST_LINES = 350

ALLOWED_IMPORTS = {
    "cnn_core": {"cnn_core", "torch", "pytorch_optimizer"},
    "search_spaces": {"search_spaces", "cnn_core", "pydantic", "yaml", "optuna", "numpy", "torch", "scipy", "pyarrow"},
}

OPTIONAL_IMPORTS = {"cnn_core/domains/polygon.py": {"shapely"}}
"""What single files import besides, inside functions, from an extra."""


STUDY_ROOMS = {
    "terminal": set(),
    "statistics": set(),
    "journal": set(),
    "trial": set(),
    "pack": {"trial"},
    "cluster": set(),
    "analysis": {"journal"},
    "prediction": {"journal", "trial"},
    "progress": {"journal", "terminal"},
    "report": {"analysis", "journal", "terminal", "trial"},
    "comparison": {"analysis", "report", "statistics"},
    "comparing": {"analysis", "comparison", "journal"},
    "search": {"analysis", "journal"},
    "tracking": {"analysis", "journal", "prediction", "report", "trial"},
    "driver": {"cluster", "journal", "pack", "progress", "search", "trial"},
    "cli": {
        "analysis", "cluster", "comparing", "comparison", "driver", "journal", "pack", "prediction", "progress",
        "report", "search", "terminal", "tracking", "trial",
    },
}  # fmt: skip
"""The rooms of `study`, and which others each may import. `tracking` and `driver` meet in the journal alone."""

PASSES = {"clock", "compilation", "data_loss", "derivatives", "networks", "problems"}
"""What network and problem together are made of."""

CORE_ROOMS = {
    "clock": set(),
    "checkpoint": set(),
    "compilation": set(),
    "data_loss": set(),
    "decisions": set(),
    "derivatives": set(),
    "reductions": set(),
    "schedules": set(),
    "linear_algebra": {"decisions"},
    "domains": set(),
    "problems": {"derivatives", "domains"},
    "networks": {"derivatives", "linear_algebra"},
    "optimizers": {"decisions", "schedules"},
    "rates": {"schedules"},
    "capture": {"clock", "decisions", "methods", "optimizers", "rates", "schedules", "tasks"},
    "moments": {"optimizers"},
    "stack": {
        "capture",
        "clock",
        "decisions",
        "methods",
        "moments",
        "optimizers",
        "rates",
        "schedules",
        "tasks",
        "training",
    },
    "pack": {"capture", "methods", "moments", "networks", "rates", "stack", "training"},
    "constrained": PASSES,
    "construction": {"networks", "problems"},
    "jacobian": PASSES | {"constrained", "linear_algebra"},
    "linearisation": PASSES | {"constrained", "jacobian", "linear_algebra"},
    "metrics": {"constrained", "problems"},
    "stacked_metrics": {"constrained", "metrics", "problems"},
    "divergence": {"constrained", "metrics", "problems"},
    "misfit": {"divergence", "problems"},
    "rehearsal": {"constrained", "construction", "divergence", "linearisation", "metrics", "networks", "problems"},
    "tasks": {"constrained", "data_loss", "problems"},
    "renewal": {"constrained", "metrics", "problems"},
    "batches": {"methods", "problems", "tasks"},
    "methods": PASSES
    | {"constrained", "decisions", "jacobian", "linear_algebra", "linearisation", "optimizers", "reductions"}
    | {"schedules", "tasks"},
    "solvers": PASSES
    | {"constrained", "decisions", "domains", "jacobian", "linear_algebra", "linearisation", "reductions", "renewal"},
    "training": {
        "batches",
        "capture",
        "clock",
        "constrained",
        "decisions",
        "divergence",
        "methods",
        "optimizers",
        "problems",
        "renewal",
        "rates",
        "schedules",
        "tasks",
    },
    "projection": {"constrained", "domains", "problems", "solvers"},
}
"""The rooms and files of `cnn_core`, and all that each may import of it besides itself."""

ENTRY_POINTS = {"study.tracking.uploader"}
"""Modules that are started by their names, which stand in a text."""


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in sources(*PACKAGES)
}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_packages(path: Path) -> Iterator[tuple[int, str]]:
    """Line and top-level package of every import of a file, those inside functions included."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)}:{node.lineno}: relative import; write the package's name"
            yield node.lineno, (node.module or "").partition(".")[0]


def imported_modules(path: Path) -> set[str]:
    """The modules that a file imports, by their full names; a name imported from a package may be a module of it."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES
            found |= modules or {node.module}
    return found & MODULES


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def arrows() -> dict[str, set[str]]:
    """Module → the modules of ours that it imports, those inside functions included."""
    return {module_of(path): imported_modules(path) - {module_of(path)} for path in sources(*PACKAGES)}


def importers(package: str, *folders: str) -> set[str]:
    return {named(path) for path in sources(*folders) if package in {name for _, name in imported_packages(path)}}


@pytest.mark.parametrize("package", ALLOWED_IMPORTS)
def test_a_package_imports_only_what_it_may(package: str) -> None:
    allowed = ALLOWED_IMPORTS[package] | sys.stdlib_module_names
    wrong = [
        f"{named(path)}:{line}: {name}"
        for path in sources(package)
        for line, name in imported_packages(path)
        if name not in allowed | OPTIONAL_IMPORTS.get(named(path), set())
    ]
    assert not wrong


@pytest.mark.parametrize("room", STUDY_ROOMS)
def test_a_room_of_the_study_imports_only_what_it_may(room: str) -> None:
    allowed = STUDY_ROOMS[room] | {room}
    own = {module: names for module, names in arrows().items() if module.startswith(f"study.{room}.")}
    assert own, f"study/{room}: there is no such room"
    assert [
        f"{module} imports {name}"
        for module, names in own.items()
        for name in sorted(names)
        if name.startswith("study.") and name.split(".")[1] not in allowed
    ] == []


@pytest.mark.parametrize("room", CORE_ROOMS)
def test_a_room_of_the_core_imports_only_what_it_may(room: str) -> None:
    allowed = CORE_ROOMS[room] | {room}
    own = {module: names for module, names in arrows().items() if f"{module}.".startswith(f"cnn_core.{room}.")}
    assert own, f"cnn_core/{room}: there is no such room"
    assert [
        f"{module} imports {name}"
        for module, names in own.items()
        for name in sorted(names)
        if name.split(".")[1] not in allowed
    ] == []


def test_every_file_of_the_study_is_in_a_room_that_the_table_has() -> None:
    rooms = {path.relative_to(ROOT / "study").parts[0] for path in sources("study")}
    assert rooms - {"__init__.py", "__main__.py"} == set(STUDY_ROOMS)


def test_every_file_of_the_core_is_in_the_table() -> None:
    found = {path.relative_to(ROOT / "cnn_core").parts[0].removesuffix(".py") for path in sources("cnn_core")}
    assert found - {"__init__"} == set(CORE_ROOMS)


def test_no_module_is_imported_by_its_name_in_a_text() -> None:
    """As importlib and `python -m` do, which the tables of rooms would not see."""
    assert [
        f"{named(path)}:{node.lineno}: {node.value}"
        for path in sources(*PACKAGES)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and node.value in MODULES - set(PACKAGES) - ENTRY_POINTS
    ] == []


def test_no_files_import_each_other() -> None:
    order = TopologicalSorter(arrows())
    order.prepare()  # raises CycleError, which names them


@pytest.mark.parametrize("package", PACKAGES)
def test_tests_mirror_the_tree(package: str) -> None:
    """Each test file of a package lies in the folder of what it tests."""
    folders = {path.parent.relative_to(ROOT) for path in sources(package)}
    tested = [path for path in sources(f"tests/{package}") if path.name.startswith("test_")]
    assert [named(path) for path in tested if path.parent.relative_to(ROOT / "tests") not in folders] == []


def test_only_the_tracking_imports_mlflow() -> None:
    assert importers("mlflow", *PACKAGES) <= {"study/tracking/store.py"}


def test_only_the_optimizers_import_the_package_of_optimizers() -> None:
    assert importers("pytorch_optimizer", *PACKAGES) == {"cnn_core/optimizers.py"}


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
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert prints == []
