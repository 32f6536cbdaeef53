"""Training on several regions: batches, sizes, roles, resuming, and what is refused."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cnn_core import checkpoint
from cnn_core.domains import Box
from cnn_core.methods import METHODS, AugmentedLagrangian, Batch, Method, NullSpace, Soft, Unconstrained
from cnn_core.networks import Dense
from cnn_core.optimizers import Adam, Sgd
from cnn_core.problems import PointSet, Problem, ProblemError, Split, Unknown, sample_regions
from cnn_core.training import Training, TrainingStatus, train
from tests.cnn_core.cases import grid_points, make_model, make_problem
from tests.cnn_core.channel import channel_model, channel_points, measured_points

SIZES = {"interior": 4, "initial": 1, "x=0": 3, "x=1": 2, "y=-1": 9, "probe": 2, "data": 3}


def make_training(
    method: Method | None = None,
    *,
    batch_size: int | Mapping[str, int] = SIZES,
    epochs: int = 2,
    seed: int = 0,
    inverse: bool = True,
    points: Mapping[str, PointSet] | None = None,
    **options,
) -> Training:
    model = channel_model(inverse=inverse)
    points = points or channel_points(model.problem, observations=measured_points(model.problem, 5))
    return Training(
        model, points, method or Soft(), options.pop("optimizer", Sgd(1e-4)), batch_size, epochs, seed, **options
    )


def run(training: Training) -> Tensor:
    while training.status is TrainingStatus.RUNNING:
        training.run_epoch()
    return training.theta.detach()


def seen(training: Training) -> dict[str, list[list[int]]]:
    """Which points of each region the steps of an epoch take."""
    found: dict[str, list[list[int]]] = {}
    for parts in training.batches:
        for part in parts:
            found.setdefault(part.task.region, []).append(part.batch.index.tolist())
    return found


def test_an_epoch_has_the_most_steps_and_the_others_go_round_again_in_a_new_order() -> None:
    training = make_training()
    steps = {region: math.ceil(len(part) / SIZES[region]) for region, part in training.regions.items()}
    assert len(training.batches) == max(steps.values()) == 4
    found = seen(training)
    assert {len(batches) for batches in found.values()} == {4}
    for region, batches in found.items():
        count, size = len(training.regions[region]), SIZES[region]
        for first in range(0, 4, steps[region]):
            once = batches[first : first + steps[region]]
            assert all(len(batch) == size or len(batch) == count % size or size > count for batch in once)
            if len(once) == steps[region]:
                assert sorted(index for batch in once for index in batch) == list(range(count)), region
    rounds = found["interior"][:2], found["interior"][2:]
    assert rounds[0] != rounds[1]


def test_each_step_holds_the_points_with_what_is_attached_to_them() -> None:
    training = make_training()
    for parts in training.batches:
        assert [part.task.region for part in parts] == [task.region for task in training.tasks]
        for part in parts:
            points, index = training.regions[part.task.region], part.batch.index
            assert torch.equal(part.batch.x, points.x[index]) and torch.equal(part.batch.p, points.constants[index])
            expected = None if points.weight is None else points.weight[index]
            assert (part.batch.weight is None) if expected is None else torch.equal(part.batch.weight, expected)  # type: ignore[arg-type]


def test_one_number_is_the_batch_size_of_all_regions() -> None:
    training = make_training(batch_size=2)
    assert set(training.batches.sizes.values()) == {2} and len(training.batches) == 3


def test_regions_that_do_not_teach_count_no_steps_and_need_no_batch_size() -> None:
    roles = {"data": "measured", "start": "measured"}
    training = make_training(
        batch_size={name: SIZES[name] for name in SIZES if name not in ("data", "initial")}, roles=roles
    )
    assert [task.region for task in training.tasks] == ["interior", "x=0", "x=1", "y=-1", "probe"]
    assert len(make_training(batch_size=SIZES, roles=roles).batches) == 3


@pytest.mark.parametrize(
    ("batch_size", "message"),
    [
        (0, "batch_size must be at least 1"),
        (SIZES | {"x=0": 0}, "batch_size must be at least 1"),
        (SIZES | {"walls": 3}, "batch_size: 'walls' is none of the regions with points, interior, initial, x=0"),
        ({"interior": 3}, "batch_size: there is none for initial, x=0, x=1, y=-1, data, probe; write one for each"),
    ],
)
def test_batch_sizes_that_mean_nothing_are_refused(batch_size, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_training(batch_size=batch_size)


@pytest.mark.parametrize(
    ("method", "roles", "message"),
    [
        (Unconstrained(), {"data": "measured"}, "method unconstrained needs an objective, and there is none; give the"),
        (
            Batch(),
            dict.fromkeys(("carried", "flux", "level", "start", "warm", "out", "around", "probe"), "objective"),
            "method batch needs a constraint, and there is none",
        ),
        (Soft(), {"walls": "constraint"}, "roles: 'walls' is none of carried, flux, start"),
    ],
)
def test_roles_that_leave_nothing_to_do_are_refused(method: Method, roles, message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        make_training(method, roles=roles)


def test_a_method_without_epochs_needs_nothing() -> None:
    training = make_training(Unconstrained(), roles={"data": "measured"}, epochs=0)
    assert training.status is TrainingStatus.COMPLETED


@pytest.mark.parametrize("points", [{}, {"final": "x=0"}], ids=["none", "no residual there"])
def test_points_where_nothing_is_asked_are_refused(points: Mapping[str, str]) -> None:
    known = channel_points(channel_model(inverse=True).problem)
    model = channel_model(inverse=True)
    with pytest.raises(ProblemError, match="method soft: there is nothing to train on"):
        Training(model, {region: replace(known[of], attached=None) for region, of in points.items()}, Soft())


@pytest.mark.parametrize("name", METHODS)
def test_resuming_goes_on_bit_by_bit(name: str, tmp_path: Path) -> None:
    straight = make_training(METHODS[name](), epochs=3, optimizer=Adam(1e-4))
    straight.run_epoch()
    checkpoint.save(straight.state_dict(), tmp_path / "checkpoint.pt")
    expected = run(straight)
    resumed = make_training(METHODS[name](), epochs=3, optimizer=Adam(1e-4), seed=99)
    resumed.load_state_dict(checkpoint.load(tmp_path / "checkpoint.pt"))
    assert torch.equal(run(resumed), expected)
    assert torch.isfinite(expected).all()


def test_the_same_seed_gives_the_same_batches_and_another_others() -> None:
    first, again, other = (seen(make_training(seed=seed)) for seed in (0, 0, 1))
    assert first == again and first != other


def test_compiling_leaves_the_order_of_points_as_it_is() -> None:
    plain, compiled = make_training(), make_training()
    compiled.compile()
    assert seen(plain) == seen(compiled)


@pytest.mark.parametrize("method", [Batch(refresh_interval=3), NullSpace(refresh_interval=3), AugmentedLagrangian()])
def test_a_checkpoint_of_before_regions_is_read(method: Method) -> None:
    """Its multipliers and their points are tensors, not tensors by region."""
    problem = make_problem("helmholtz")
    model, points = make_model(problem, Dense(widths=(6, 5))), grid_points(problem, 12)
    straight = Training(model, points, method, Sgd(1e-4), batch_size=5, epochs=3)
    straight.run_epoch()
    state = straight.state_dict()
    keys = [key for key in ("x", "p", "multipliers") if isinstance(state["method"].get(key), dict)]
    assert keys
    for key in keys:
        state["method"][key] = state["method"][key]["interior"]
    resumed = Training(model, points, method, Sgd(1e-4), batch_size=5, epochs=3)
    resumed.load_state_dict(state)
    assert torch.equal(run(resumed), run(straight))


def test_an_unknown_is_found() -> None:
    """u' = −k u with k = 2 from data of the exact solution, beside the network."""
    problem = Problem(
        "decay", Box({"t": (0.0, 1.0)}), ("rate",), ("u",),
        lambda u, x, p: {"decay": u["t"][0] + p[0] * u.value[0]}, lambda x, p: torch.exp(-p[0] * x),
        unknowns={"rate": Unknown(0.5, positive=True, truth=2.0)},
    )  # fmt: skip
    model = make_model(problem, Dense(widths=(8,), activation="tanh"))
    points = sample_regions(problem, Split({}, 30, "uniform"))
    theta = train(model, points, Soft(), optimizer=Adam(2e-2), epochs=1500)
    assert float(model.unknowns(theta)) == pytest.approx(2.0, rel=0.05)


def test_what_diverges_in_a_condition_is_told() -> None:
    training = make_training(Soft())
    points = training.regions["x=0"]
    bad = points.x.clone()
    bad[1] = math.nan
    spoiled = make_training(Soft(), points=training.regions | {"x=0": replace(points, x=bad)})
    run(spoiled)
    assert spoiled.status is TrainingStatus.DIVERGED
    assert spoiled.reason is not None and "the residual 'warm' is nan at x = [nan" in spoiled.reason
