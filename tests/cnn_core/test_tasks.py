"""Roles: what teaches how, and what is refused."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cnn_core.domains import Box
from cnn_core.problems import Condition, Problem, ProblemError, Unknown
from cnn_core.tasks import Roles, by_condition, constants, objective, require_need, tasks
from tests.cnn_core.channel import channel_model, channel_points, measured_points


def asked(roles: Roles | None = None, *, inverse: bool = False):
    model = channel_model(inverse=inverse)
    return tasks(model, channel_points(model.problem, observations=measured_points(model.problem)), roles)


def test_by_default_residuals_are_constraints_and_data_is_an_objective() -> None:
    found = {task.region: task for task in asked()}
    assert {region: task.constraints for region, task in found.items()} == {
        "interior": ("carried", "flux", "level"), "initial": ("start", "start"), "x=0": ("warm",), "x=1": ("out",),
        "y=-1": ("around", "around"), "data": (), "probe": ("probe", "probe"),
    }  # fmt: skip
    assert [region for region, task in found.items() if task.learns] == ["data"]
    assert all(task.objectives == () for task in found.values())


def test_constraints_come_before_objectives_and_what_is_measured_does_not_come() -> None:
    found = {task.region: task for task in asked({"carried": "objective", "flux": "measured", "around": "objective"})}
    interior, around = found["interior"], found["y=-1"]
    assert (interior.constraints, interior.objectives) == (("level",), ("carried",))
    assert interior.model.problem.constraints == ("level", "carried")
    assert (around.constraints, around.objectives) == ((), ("around", "around"))
    assert around.model.problem.constraints == ("around.value", "around.slope")


def test_regions_where_nothing_teaches_are_left_out() -> None:
    found = asked({"data": "measured", "warm": "measured", "around": "measured"})
    assert [task.region for task in found] == ["interior", "initial", "x=1", "probe"]


def test_exact_data_of_the_interior_is_learned_there() -> None:
    model = channel_model(inverse=False)
    assert [task.region for task in tasks(model, channel_points(model.problem)) if task.learns] == ["interior"]


def test_a_condition_of_several_quantities_counts_as_a_mean() -> None:
    found = {task.region: task for task in asked({"start": "objective"})}
    like = torch.zeros(0, dtype=torch.float64)
    assert found["y=-1"].fractions(like).tolist() == [0.5, 0.5]  # type: ignore[union-attr]
    assert found["initial"].shares(like).tolist() == [0.5, 0.5]  # type: ignore[union-attr]
    assert found["interior"].fractions(like) is None and found["interior"].shares(like) is None
    numbers = torch.tensor([1.0, 3.0], dtype=torch.float64)
    assert by_condition(found["y=-1"], numbers).tolist() == [2.0]
    assert by_condition(found["x=0"], numbers[:1]).tolist() == [1.0]


def test_the_objective_of_points_by_hand() -> None:
    prediction, u = torch.tensor([[1.0], [2.0]]), torch.tensor([[0.0], [0.0]])
    residuals, weight = torch.tensor([[9.0, 1.0], [9.0, 3.0]]), torch.tensor([[2.0], [0.0]])
    assert float(objective(prediction, residuals, u, None, None)) == 2.5
    assert float(objective(prediction, residuals, u, weight, None)) == 1.0
    assert float(objective(prediction, residuals, None, None, torch.tensor([0.5]))) == 2.5
    assert float(objective(prediction, residuals, u, weight, torch.tensor([0.5]))) == 3.5
    assert float(objective(prediction, residuals, None, None, None)) == 0.0


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        (
            {"wals": "constraint"},
            r"roles: 'wals' is none of carried, flux, start, .*, data, which problem 'channel' has",
        ),
        ({"interior": "objective"}, "roles: 'interior' is none of"),
        ({"around.value": "objective"}, "roles: 'around.value' is none of"),
        ({"diffusivity": "objective"}, "roles: 'diffusivity' is none of"),
        ({"data": "constraint"}, "data can be an objective or measured, got constraint"),
        ({"warm": "constraints"}, "roles: 'warm' is 'constraints'; write one of constraint, objective, measured"),
    ],
)
def test_roles_that_mean_nothing_are_refused(roles, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        asked(roles, inverse=True)


ALL = ("carried", "flux", "start", "warm", "out", "around", "probe", "level")


@pytest.mark.parametrize(
    ("need", "roles", "message"),
    [
        ("constraint", dict.fromkeys(ALL, "objective"), "method m needs a constraint, and there is none"),
        ("objective", {"data": "measured"}, "method m needs an objective, and there is none"),
        (None, dict.fromkeys((*ALL, "data"), "measured"), "method m: there is nothing to train on"),
    ],
)
def test_a_method_that_has_nothing_to_do_is_refused(need, roles, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        require_need("m", need, asked(roles))
    require_need("m", need, asked())


def decay(residual, condition=None) -> Problem:
    return Problem(
        "decay", Box({"t": (0.0, 1.0)}), ("rate",), ("u",), residual,
        unknowns={"rate": Unknown(1.0)}, conditions={} if condition is None else {"ends": condition},
    )  # fmt: skip


def test_an_unknown_that_no_residual_reads_is_told() -> None:
    blind = decay(lambda u, x, p: {"decay": u["t"][0] + u.value[0]})
    assert blind.unread == ("rate",)
    model = channel_model(inverse=True)
    with pytest.raises(ProblemError, match=r"'decay': no residual reads the unknown 'rate', .* read p\[0\] in one, or"):
        tasks(replace(model, problem=blind, network=torch.nn.Linear(1, 1)), {})


def reads_rate(u, x, p: Tensor) -> dict[str, Tensor]:
    return {"value": u.value[0] - p[0]}


@pytest.mark.parametrize("on", ["t=0", "interior", torch.zeros(1, 1)], ids=["boundary", "interior", "points"])
def test_an_unknown_may_be_read_by_a_condition_alone(on: str | Tensor) -> None:
    assert decay(lambda u, x, p: {"decay": u["t"][0]}, Condition(on, reads_rate)).unread == ()


def test_all_unknowns_of_the_channel_are_read() -> None:
    assert channel_model(inverse=True).problem.unread == ()


def test_constants_that_are_made_inside_of_a_transform_outlive_it() -> None:
    def scaled(x: Tensor) -> Tensor:
        return x * constants([0.123, 4.56], x)

    torch.vmap(torch.func.jacrev(scaled))(torch.ones(3, 2))
    kept = constants([0.123, 4.56], torch.ones(1))
    assert type(kept).__repr__(kept) == "tensor([0.1230, 4.5600])"  # and no wrapper of a level that has ended
    assert kept is constants([0.123, 4.56], torch.zeros(2))
    assert torch.equal(kept, torch.tensor([0.123, 4.56]))
