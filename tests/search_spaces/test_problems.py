"""Problems by name and by import; what goes wrong in a researcher's own module is told in one line."""

import itertools
from pathlib import Path

import pytest

from cnn_core.problems import PROBLEMS
from search_spaces.load import StudyFileError, build_problem, load_study
from search_spaces.schema import ProblemChoice
from tests.search_spaces.files import error_of, write

MODULE = """
from dataclasses import replace
from cnn_core.problems import helmholtz

ready = replace(helmholtz(), name="mine")
number = 3

def made(strength: float, sign: int = 1):
    if strength < 0:
        raise ValueError("strength must not be negative\\nat all")
    return replace(helmholtz(), name=f"made {strength} {sign}")

def loose(**options):
    return ready

def unhinted(a: "Unknown"):
    return ready

def wrong():
    return 3

def broken():
    return 1 / 0

def restless():
    return replace(helmholtz(), solution=lambda x, p: x / 0.0 * float("nan"))

def failing():
    def solution(x, p):
        raise RuntimeError("no solution\\nhere")
    return replace(helmholtz(), solution=solution)

def leaving():
    raise SystemExit(0)

def silent():
    raise ValueError

def branching():
    def residual(u, x, p):
        return {"helmholtz": u.value[0] if x[0] > 0 else u.laplacian[0]}
    return replace(helmholtz(), residual=residual)

def pole():
    def residual(u, x, p):
        return {"helmholtz": -(u.value[0] ** 2 + u.laplacian[0] ** 2) / x[0] ** 2}
    return replace(helmholtz(), residual=residual)
"""

counter = itertools.count()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of a new name in the present folder."""
    monkeypatch.chdir(tmp_path)
    name = f"problems_of_mine_{next(counter)}"
    (tmp_path / f"{name}.py").write_text(MODULE, encoding="utf-8")
    return name


def error(name: str, **options: object) -> str:
    with pytest.raises(StudyFileError) as caught:
        build_problem(ProblemChoice(name, options=options))
    return str(caught.value)


@pytest.mark.parametrize("name", PROBLEMS)
def test_our_problems_are_built_by_name(name: str) -> None:
    assert build_problem(ProblemChoice(name)).name == name


def test_options_reach_the_problem() -> None:
    assert len(build_problem(ProblemChoice("synthetic", options={"constraints": 7})).outputs) == 7


def test_a_problem_of_ones_own(module: str, tmp_path: Path) -> None:
    assert build_problem(ProblemChoice(f"{module}:ready")).name == "mine"
    assert build_problem(ProblemChoice(f"{module}:made", options={"strength": 2})).name == "made 2.0 1"
    assert build_problem(ProblemChoice(f"{module}:loose", options={"anything": 2})).name == "mine"
    assert build_problem(ProblemChoice(f"{module}:unhinted", options={"a": 2})).name == "mine"
    assert load_study(write(tmp_path, {"problem": f"{module}:ready"})).problem.name == f"{module}:ready"


def test_names_that_are_not_known() -> None:
    assert error("helmholz") == "problem.name is 'helmholz'; write helmholtz, or package.module:attribute"
    assert (
        error("synthetic", constraint=2)
        == "problem.constraint is not known: synthetic has no such option; write constraints"
    )
    assert error("helmholtz", viscosity=2) == "problem.viscosity is not known: helmholtz has no such option; remove it"
    assert error("synthetic", constraints="many") == "problem.constraints is the text 'many'; write a whole number"
    assert error("synthetic", constraints=101) == "problem: constraints must be between 1 and 100, got 101"
    assert error("viscous-flow", viscosity=float("nan")) == "problem.viscosity is nan; write a finite number"
    assert error("viscous-flow", viscosity="1e-1").endswith("with a dot, write 1.0e-1")


def test_imports_that_fail(module: str, tmp_path: Path) -> None:
    missing = "no_such_module_at_all"
    reason = f"ModuleNotFoundError: No module named '{missing}'"
    assert error(f"{missing}:x") == f"problem.name: {missing} cannot be imported ({reason}); mend it"
    (tmp_path / f"{module}_b.py").write_text("x = (", encoding="utf-8")
    assert error(f"{module}_b:x").startswith(f"problem.name: {module}_b cannot be imported (SyntaxError: ")
    assert error(f"{module}:readi") == f"problem.name: {module} has no attribute 'readi'; write ready"
    assert (
        error(f"{module}:number")
        == f"problem.name: {module}:number is a int; name a Problem, or a function that returns one"
    )
    assert (
        error(f"{module}:wrong") == f"problem.name: {module}:wrong returned a int; return a cnn_core.problems.Problem"
    )
    assert error(f"{module}:broken").startswith(
        f"problem.name: {module}:broken fails (ZeroDivisionError: division by zero)"
    )
    assert error(f"{module}:made") == f"problem.strength is missing; {module}:made needs it, write its value"
    assert error(f"{module}:made", strength="x") == "problem.strength is the text 'x'; write a number"
    assert (
        error(f"{module}:ready", strength=1)
        == f"problem.strength is not known: {module}:ready takes no options; remove it"
    )


def test_they_are_one_line_in_a_file(module: str, tmp_path: Path) -> None:
    made = {"problem": {"name": f"{module}:made", "strength": -1.0}}
    assert error_of(tmp_path, made) == "problem: strength must not be negative at all"
    restless = error_of(tmp_path, {"problem": f"{module}:restless"})
    assert restless.startswith("data.train: problem 'helmholtz': the solution is [nan] at x = ")
    failing = error_of(tmp_path, {"problem": f"{module}:failing"})
    assert failing.startswith("data.train: the solution of problem 'helmholtz' fails at x = [")
    assert failing.endswith(f"], p = [1.0, 1.0, 0.0] (RuntimeError: no solution, in {module}.py, line 30); mend it")
    leaving = error_of(tmp_path, {"problem": f"{module}:leaving"})
    assert leaving == f"problem.name: {module}:leaving fails (SystemExit: 0); mend it, or its options"
    silent = error_of(tmp_path, {"problem": f"{module}:silent"})
    assert silent == f"problem.name: {module}:silent fails (ValueError); mend it, or its options"


def test_a_module_that_ends_the_program_is_one_line(module: str, tmp_path: Path) -> None:
    (tmp_path / f"{module}_e.py").write_text("import sys\nsys.exit(0)\n", encoding="utf-8")
    assert error(f"{module}_e:x") == f"problem.name: {module}_e cannot be imported (SystemExit: 0); mend it"


def test_a_residual_that_no_trial_could_run_is_found_at_once(module: str, tmp_path: Path) -> None:
    assert error_of(tmp_path, {"problem": f"{module}:branching"}).endswith(
        f"(it branches on a tensor, in {module}.py, line 41); write torch.where(condition, a, b) instead of `if`"
    )
    pole = {"problem": f"{module}:pole", "data.train.points": 5, "data.train.sampling": "uniform"}
    assert error_of(tmp_path, pole).startswith(
        "data.train: problem 'helmholtz': the residual 'helmholtz' is -inf at x = [0.0], p = [1.0, 1.0, 0.0]; choose"
    )
    searched = {"problem": f"{module}:pole", "search:data.validation.points": {"choice": [4, 7]}}
    even = {f"data.{name}.points": 4 for name in ("train", "validation", "test")}
    assert error_of(tmp_path, even | searched | {"data.test.points": 6}).startswith("data.validation: problem 'helm")
