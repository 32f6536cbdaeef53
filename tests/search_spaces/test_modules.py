"""Where the user's own modules are looked for, and which names they cannot have."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from search_spaces import modules
from search_spaces.errors import StudyFileError
from search_spaces.load import build_problem, load_study
from search_spaces.schema import ProblemChoice
from tests.search_spaces.files import write

MODULE = """
from dataclasses import replace
from cnn_core.problems import helmholtz

problem = replace(helmholtz(), name={name!r})
"""

counter = itertools.count()


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has read no study file."""
    monkeypatch.setattr(modules, "folders", [])
    monkeypatch.setattr(modules, "checked", set())
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield


@pytest.fixture
def name() -> str:
    """A module's name that nothing else has."""
    return f"own_module_{next(counter)}"


def put(folder: Path, name: str, text: str = MODULE) -> Path:
    """A folder with this module, and a study file that names it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(text.format(name=folder.name), encoding="utf-8")
    return write(folder, {"problem": f"{name}:problem"})


def built(name: str) -> str:
    return build_problem(ProblemChoice(f"{name}:problem")).name


def test_a_module_lies_beside_its_study_file(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put(tmp_path / "there", name)
    monkeypatch.chdir(tmp_path)
    load_study(file)
    assert built(name) == "there"


def test_the_one_beside_the_study_file_wins(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put(tmp_path / "there", name)
    put(tmp_path / "here", name)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.syspath_prepend(tmp_path / "here")  # as `python -m` does
    load_study(file)
    assert built(name) == "there"


def test_the_current_folder_is_the_next(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "here", name)
    file = put(tmp_path / "there", f"{name}_other")
    monkeypatch.chdir(tmp_path / "here")
    load_study(file)
    assert built(name) == "here"


def test_another_study_file_has_another_module(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("one", "two", "one"):
        load_study(put(tmp_path / folder, name))
        assert built(name) == folder


def test_a_module_sees_those_beside_it(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "there", f"{name}_common")
    file = put(
        tmp_path / "there", name, f"def problem():\n    import {name}_common\n    return {name}_common.problem\n"
    )
    monkeypatch.chdir(tmp_path)
    load_study(file)
    assert built(name) == "there"


def test_a_package_without_a_file_of_its_own(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / name, "inner")
    monkeypatch.chdir(tmp_path)
    assert load_study(write(tmp_path, {"problem": f"{name}.inner:problem"})).problem.name == f"{name}.inner:problem"


@pytest.mark.parametrize("taken", ["wave", "code", "test", "torch", "study", "numpy", "math"])
def test_a_name_that_something_else_has_is_refused(tmp_path: Path, taken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sys.modules.get(taken)
    file = put(tmp_path / "there", taken)
    monkeypatch.chdir(tmp_path)
    message = (
        rf"problem\.name: .*there/{taken}\.py cannot be imported as {taken}, which is also the name of .*; give it"
    )
    with pytest.raises(StudyFileError, match=message):
        load_study(file)
    assert sys.modules.get(taken) is before


def test_where_the_driver_has_looked_the_same_module_is_found(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "there", name)
    put(tmp_path / "here", name)
    monkeypatch.syspath_prepend(tmp_path / "here")
    modules.look_in(tmp_path / "there", seen=True)
    assert built(name) == "there"


@pytest.mark.parametrize("leave", ["sys.exit(0)", "sys.exit('enough')", "raise SystemExit"])
def test_a_module_that_exits_is_told(tmp_path: Path, name: str, leave: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyFileError, match=rf"{name} cannot be imported \(SystemExit.*\); mend it"):
        load_study(put(tmp_path, name, f"import sys\n{leave}\n"))
    inside = f"import sys\ndef problem():\n    {leave}\n"
    with pytest.raises(StudyFileError, match=rf"{name}_f:problem fails \(SystemExit.*\); mend it"):
        load_study(put(tmp_path, f"{name}_f", inside))
    residual = f"    def residual(u, x, p):\n        {leave}\n    return replace(helmholtz(), residual=residual)\n"
    text = f"import sys\n{MODULE.partition('problem =')[0]}def problem():\n{residual}"
    with pytest.raises(StudyFileError, match=r"the residual of problem 'helmholtz' fails \(SystemExit"):
        load_study(put(tmp_path, f"{name}_r", text))
