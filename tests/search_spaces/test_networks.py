"""A network of one's own in a study file: what it is called with, and what is told when it cannot be one."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from cnn_core.construction import fresh
from cnn_core.networks import Dense, layout_of, parameter_vector
from cnn_core.problems import helmholtz
from search_spaces.blocks import write as written
from search_spaces.load import StudyFileError, dump_yaml, load_study, load_text, resolve
from search_spaces.networks import build_network
from search_spaces.schema import NetworkChoice
from search_spaces.sources import own_names, sources_of
from study.trial.trial import run_trial
from tests.search_spaces.files import error_of, grid, load, write

MODULE = """
import torch
from torch import nn
from cnn_core.networks import Dense

seen = []

class Sines(nn.Module):
    def __init__(self, inputs: int, parameters: int, outputs: int, widths: tuple[int, ...] = (8,), omega: float = 3.0):
        super().__init__()
        if omega <= 0:
            raise ValueError(f"omega must be positive, got {omega}")
        self.first = nn.Linear(inputs + parameters, widths[0])
        self.last = nn.Linear(widths[0], outputs)
        self.omega = omega

    def forward(self, x, p):
        return self.last(torch.sin(self.omega * self.first(torch.cat([x, p], dim=-1))))

def asking(inputs, parameters, outputs, seed, box, coordinates):
    seen.append((seed, box, coordinates))
    return Sines(inputs, parameters, outputs)

def ours(inputs, parameters, outputs, seed, box, width=4):
    return Dense((width,)).build(inputs=inputs, parameters=parameters, outputs=outputs, seed=seed, box=box)

def wide(inputs, parameters, outputs):
    return Sines(inputs, parameters, outputs + 1)

def number(inputs, parameters, outputs):
    return 3

def fixed(inputs, parameters, outputs):
    return Sines(inputs, parameters, outputs).requires_grad_(False)

def broken(inputs, parameters, outputs):
    return 1 / 0

class Torn(Sines):
    def forward(self, x, p):
        return self.last(x)

class Listing(Sines):
    def forward(self, x, p):
        return [1.0]

class Doubled(Sines):
    def forward(self, x, p):
        return super().forward(x, p).double()

class Centred(Sines):
    def forward(self, x, p):
        u = super().forward(x, p)
        return u - u.mean(0)

class Lazy(Sines):
    def __init__(self, inputs: int, parameters: int, outputs: int):
        super().__init__(inputs, parameters, outputs)
        self.first = nn.LazyLinear(8)

class Twice(Sines):
    def __init__(self, inputs: int, parameters: int, outputs: int):
        super().__init__(inputs, parameters, outputs)
        self.again = self.last

class Branching(Sines):
    def forward(self, x, p):
        return super().forward(x, p) if x[0, 0] > 0 else super().forward(-x, p)

ready = Sines(1, 3, 1)
constant = 3
"""

counter = itertools.count()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of a new name in the present folder."""
    monkeypatch.chdir(tmp_path)
    name = f"networks_of_mine_{next(counter)}"
    (tmp_path / f"{name}.py").write_text(MODULE, encoding="utf-8")
    return name


def made(name: str, seed: int = 0, **options: Any) -> torch.nn.Module:
    return fresh(build_network(NetworkChoice(name, options)), helmholtz(), seed=seed)


def error(name: str, **options: Any) -> str:
    with pytest.raises(StudyFileError) as caught:
        made(name, **options)
    return str(caught.value)


def test_a_network_of_ones_own_is_made_for_the_problem_with_its_options(module: str) -> None:
    network = made(f"{module}:Sines", widths=[5], omega=2.0)
    assert layout_of(network).shapes == ((5, 4), (5,), (1, 5), (1,))
    torch.manual_seed(3)
    before = torch.rand(2)
    torch.manual_seed(3)
    first, again, other = (parameter_vector(made(f"{module}:Sines", seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.rand(2), before), "the global generator is left alone"


def test_seed_and_box_reach_those_who_ask(module: str) -> None:
    from importlib import import_module

    made(f"{module}:asking", seed=4)
    assert import_module(module).seen == [(4, ((-1.0, 1.0),), ("x",))]
    ours, expected = made(f"{module}:ours", seed=2, width=6), fresh(Dense((6,)), helmholtz(), seed=2)
    assert torch.equal(parameter_vector(ours), parameter_vector(expected))


def test_it_trains_by_a_study_file_and_is_searched(module: str, tmp_path: Path) -> None:
    network = {"name": f"{module}:Sines", "widths": [6]}
    searched = {
        "search:network.omega": {"choice": [1.0, 2.0]},
        "search:training.epochs": {"int": [1, 2]},
        "tune.sampler": "grid",
    }
    study = load(tmp_path, {"network": network} | searched)
    assert study.network == NetworkChoice(f"{module}:Sines", {"widths": [6]})
    assert load_text(dump_yaml(study)) == study
    assert [values["network.omega"] for values in grid(study)] == [1.0, 1.0, 2.0, 2.0]
    trial = resolve(study, grid(study)[0])
    assert written(trial.network) == network | {"omega": 1.0}
    metrics = run_trial(trial)
    assert metrics["status"] == "completed" and metrics["method/taylor_mode"] == 0.0
    assert own_names(study) == {f"{module}:Sines": "network"}
    assert list(sources_of(study)) == [f"{module}.py"]


def test_it_may_be_one_choice_among_ours(module: str, tmp_path: Path) -> None:
    own = f"{module}:Sines"
    searched = {
        "search:network.name": {"choice": ["dense", own]},
        "search:network.omega": {"choice": [1.0, 2.0], "when": {"network.name": own}},
        "search:network.widths": {"choice": [[4], [5]], "when": {"network.name": ["dense", own]}},
    }
    study = load(tmp_path, searched)
    names = [values["network.name"] for values in grid(study)]
    assert names == ["dense"] * 2 + [own] * 4
    assert own_names(study) == {own: "network"}
    wrong = searched | {"search:network.omega": {"choice": [1.0, -2.0], "when": {"network.name": own}}}
    assert error_of(tmp_path, wrong) == "network: omega must be positive, got -2.0"


def test_what_is_wrong_with_a_name_or_an_option_is_one_line(module: str, tmp_path: Path) -> None:
    assert error("no_such_module_at_all:x").startswith(
        "network.name: no_such_module_at_all cannot be imported (ModuleN"
    )
    assert error(f"{module}:Sinus") == f"network.name: {module} has no attribute 'Sinus'; write Sines"
    for name in ("ready", "constant"):
        assert error(f"{module}:{name}").endswith("; name a class, or a function that returns a module")
    own = f"{module}:Sines"
    assert error(own, omga=2.0) == f"network.omga is not known: {own} has no such option; write omega"
    assert error(own, omega="2") == "network.omega is the text '2'; numbers stand without quotes, write 2.0"
    assert error(own, omega=-1.0) == "network: omega must be positive, got -1.0"
    assert error(own, inputs=3) == "network.inputs is given by the problem and the training; remove it"
    assert error(f"{module}:broken").startswith(f"network.name: {module}:broken fails (ZeroDivisionError: division by")
    unknown = error_of(tmp_path, {"network": {"name": "densee"}})
    assert unknown == "network.name is the text 'densee'; write dense, or package.module:attribute"


def test_what_is_no_network_for_the_problem_is_one_line(module: str, tmp_path: Path) -> None:
    assert error(f"{module}:number") == f"network.name: {module}:number returned a int; return a torch.nn.Module"
    assert error(f"{module}:fixed").startswith(f"network.name: {module}:fixed has no parameter that is trained; make")
    assert error(f"{module}:wide") == (
        f"network.name: the forward of {module}:wide returned the shape (3, 2) for 3 points; return (3, 1), one column "
        "for each output of the problem"
    )
    assert error(f"{module}:Listing").startswith(f"network.name: the forward of {module}:Listing returned a list for 3")
    assert error(f"{module}:Torn").startswith(
        f"network.name: the forward of {module}:Torn fails for x (3, 1) and p (3, 3) (RuntimeError: mat1 and mat2 sh"
    )
    assert error(f"{module}:Doubled").startswith(
        f"network.name: the forward of {module}:Doubled returned torch.float64 where its parameters are torch.float32"
    )
    assert error(f"{module}:Centred").startswith(
        f"network.name: the forward of {module}:Centred returned something else for a point alone than among 3; make"
    )
    assert error(f"{module}:Lazy").startswith(f"network.name: {module}:Lazy has layers whose shape is not known yet")
    assert error(f"{module}:Twice") == (
        f"network.name: {module}:Twice has one layer at last and at again; keep it at one, and call it twice"
    )
    branching = error_of(tmp_path, {"network": {"name": f"{module}:Branching"}})
    assert "(it branches on a tensor, in " in branching and "write torch.where" in branching


def test_options_of_ours_that_do_not_suit_the_problem_are_told(tmp_path: Path) -> None:
    unknown = {"network": {"name": "dense", "periodic": ["y"]}}
    assert error_of(tmp_path, unknown) == "network: periodic names 'y', which is no coordinate; write one of: x"
    searched = {"search:network.periodic": {"choice": [["x"], ["z"]]}}
    assert error_of(tmp_path, searched).startswith("network: periodic names 'z', which is no coordinate")
    hard = {"network": {"name": "siren", "hard": {"x": [0.0, None]}}, "search:network.omega": {"uniform": [1.0, 9.0]}}
    assert load_study(write(tmp_path, hard)).network.hard == {"x": (0.0, None)}  # type: ignore[union-attr]
