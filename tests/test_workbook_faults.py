"""Faults of the Constrained Neural Nets Workbook (Jergensen 2019) that must not come back, one test or more each.

Faults 5 to 8 belong to the workbook's own methods, which stay selectable for comparison.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.methods import METHODS, Soft
from cnn_core.networks import Dense, Modulated
from cnn_core.optimizers import Sgd
from cnn_core.problems import Problem, Split, helmholtz, pythagorean, sample, synthetic, viscous_flow
from cnn_core.training import train
from search_spaces.errors import StudyFileError
from search_spaces.load import build_problem, load_study, load_trial, shipped_spaces
from study.trial.trial import Trial
from tests.cnn_core.cases import (
    OwnNetwork,
    field_of,
    general_twin,
    grid_points,
    make_model,
    make_step,
    residual_jacobian,
    start,
    theta_of,
)
from tests.search_spaces.files import shipped

STUDIES = [name for name in shipped_spaces() if not name.startswith("workbook-")]
SOLVED = ("burgers-solve", "helmholtz-2d-solve")
"""Studies without training, in which no penalty weighs anything."""

ONE_WAVE = (
    "beam", "burgers", "heat-inverse", "heat-source", "helmholtz-2d", "kdv", "kovasznay", "poisson", "poisson-hole",
    *SOLVED,
)  # fmt: skip
FAMILIES = [name for name in shipped_spaces() if name not in ONE_WAVE]


def residuals_at(
    problem: Problem, function: Callable[[Tensor], Tensor], x: list[float], p: list[float], *, scaled: bool = False
) -> dict[str, float]:
    """The problem's residuals of a field given as a function of x."""
    at, wave = torch.tensor(x, dtype=torch.float64), torch.tensor(p, dtype=torch.float64)
    values = problem.point_residuals(field_of(function, at), at, wave, scaled=scaled)
    return dict(zip(problem.constraints, values.tolist(), strict=True))


@pytest.mark.parametrize("amplitude", [0.2, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("frequency", [0.2, 1.0, 5.0])
def test_pythagorean_right_side_scales_with_amplitude(amplitude: float, frequency: float) -> None:
    """Fault 1: the right side was (2πν)², true for A = 1 only. It is (2πνA)²; u = 0 shows it with its sign changed."""
    k = 2 * math.pi * frequency
    nothing = residuals_at(pythagorean(), lambda x: 0 * x, [0.3], [amplitude, frequency, 0.1])
    assert nothing["pythagorean"] == pytest.approx(-((k * amplitude) ** 2), rel=1e-14)
    wave = residuals_at(pythagorean(), lambda x: amplitude * torch.sin(k * x + 0.1), [0.3], [amplitude, frequency, 0.1])
    assert abs(wave["pythagorean"]) < 1e-12 * (k * amplitude) ** 2


def test_the_pythagorean_problem_is_not_called_helmholtz() -> None:
    """Fault 1: the workbook called one by the other's name."""
    assert pythagorean().constraints == ("pythagorean",)
    assert helmholtz().constraints == ("helmholtz",)
    bent = residuals_at(helmholtz(), lambda x: x**3, [0.5], [1.0, 1.0, 0.0])
    assert bent["helmholtz"] == pytest.approx(6 * 0.5 + (2 * math.pi) ** 2 * 0.125)


def test_shear_flow_has_no_advection() -> None:
    """Fault 2: the workbook computed ∇(|u|²/2), which for u = (y, 0, 0) is (0, y, 0); (u·∇)u is 0."""
    found = residuals_at(
        viscous_flow(), lambda x: torch.stack([x[1], 0 * x[0], 0 * x[0]]), [0.1, 0.7, 0.4], [1.0, 0.5, 1.0]
    )
    assert set(found.values()) == {0.0}


def test_advection_contracts_the_velocity_with_the_derivative() -> None:
    """Fault 2, on a field where every term counts: ((u·∇)u)_i = Σ_j u_j ∂_j u_i, for u = (yz, zx, xy) free of ∇²u."""
    x, y, z = 0.3, 0.5, 0.9
    u, v, w = y * z, z * x, x * y
    found = residuals_at(
        viscous_flow(),
        lambda at: torch.stack([at[1] * at[2], at[2] * at[0], at[0] * at[1]]),
        [x, y, z],
        [1.0, 0.5, 1.0],
    )
    expected = {
        "continuity": 0.0,
        "momentum_x": v * z + w * y,
        "momentum_y": u * z + w * x,
        "momentum_z": u * y + v * x,
    }
    assert found == pytest.approx(expected, rel=1e-14, abs=1e-15)


@pytest.mark.parametrize("problem", [viscous_flow(), synthetic(7)], ids=lambda problem: problem.name)
@pytest.mark.parametrize("network", [Dense(widths=(8,)), Modulated(widths=(8,))], ids=lambda network: network.name)
def test_models_have_as_many_outputs_as_the_field(network: Dense | Modulated, problem: Problem) -> None:
    """Fault 3: models could only output one component. Every output is trained, and has constraints of its own."""
    model = make_model(problem, network)
    points = grid_points(problem, 40)
    theta = train(model, points, Soft(weight=0.0), optimizer=Sgd(0.02), batch_size=40, epochs=60)
    before, after = (
        (model.predict(where, points.x, points.p) - points.u).square().mean(dim=0) for where in (theta_of(model), theta)
    )
    assert before.shape == (len(problem.outputs),)
    assert (after.detach() < before.detach()).all()


@pytest.mark.parametrize("frequency", [0.2, 1.0, 5.0])
def test_scaled_residuals_do_not_depend_on_the_frequency(frequency: float) -> None:
    """Fault 4: unscaled, (2πν)² spreads the same mistake over decades. A wave that is 5 % too fast has the residual
    (1 − 1.05²) u of Helmholtz's equation, one that is twice too large 3A² of the Pythagorean one, whatever ν."""
    k, p = 2 * math.pi * frequency, [2.0, frequency, 0.1]
    fast = residuals_at(helmholtz(), lambda x: 2 * torch.sin(1.05 * k * x + 0.1), [0.3], p, scaled=True)
    value = 2 * math.sin(1.05 * k * 0.3 + 0.1)
    assert fast["helmholtz"] == pytest.approx((1 - 1.05**2) * value, rel=1e-10)
    large = residuals_at(pythagorean(), lambda x: 4 * torch.sin(k * x + 0.1), [0.3], p, scaled=True)
    assert large["pythagorean"] == pytest.approx(3 * 2.0**2, rel=1e-10)
    bare = residuals_at(helmholtz(), lambda x: 2 * torch.sin(1.05 * k * x + 0.1), [0.3], p)
    assert bare["helmholtz"] == pytest.approx(k**2 * fast["helmholtz"], rel=1e-10)


def test_metrics_are_scaled_even_where_training_is_not() -> None:
    """Fault 4: trials with and without scaling are compared by the same yardstick."""
    settings = {"training.method.name": "unconstrained", "training.epochs": 1, "training.batch_size": 960}
    trials = [Trial(load_trial("helmholtz-quick", {**settings, "problem.scaled": scaled})) for scaled in (True, False)]
    first, second = (trial.step()["validation/constraint_mse"] for trial in trials)
    assert first == second


@pytest.mark.parametrize("name", [name for name in STUDIES if name not in SOLVED])
def test_the_penalty_weight_is_searched(name: str) -> None:
    """Fault 9: soft weight fixed at 1, an untuned straw man. Where soft constraints compete, their weight is tuned."""
    study = shipped(name)
    searched = [path for path in study.search if path.startswith("training.method.weight")]
    methods = study.search.get("training.method.name")
    competes = "soft" in methods.distribution.values if methods else study.training.method.name == "soft"  # type: ignore[union-attr]
    assert competes
    assert searched


@pytest.mark.parametrize("name", shipped_spaces())
def test_hyperparameters_are_never_selected_on_test_data(name: str) -> None:
    """Fault 9: hyperparameters were chosen on the reported error."""
    study = shipped(name)
    seen = [*study.objectives, *([study.tune.scheduler.metric] if study.tune.scheduler.metric else [])]
    assert seen
    assert all("validation" in metric.split("/") and "test" not in metric.split("/") for metric in seen)


@pytest.mark.parametrize(
    "change",
    [
        {"objectives": {"test/data_mse": "min"}},
        {"objectives": {"validation/data_mse": "min", "projected/test/data_mse": "min"}},
        {"tune": {"scheduler": {"name": "asha", "metric": "test/data_mse"}}},
    ],
    ids=["objective", "objective after projection", "scheduler"],
)
def test_a_study_that_selects_on_test_data_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    """Fault 9, in a user's own file."""
    content = yaml.safe_load(shipped_spaces()["helmholtz-quick"].read_text(encoding="utf-8"))
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**content, **change}), encoding="utf-8")
    with pytest.raises(StudyFileError, match=r"mine\.yaml: .*test/data_mse.*selected on validation data"):
        load_study(path)


@pytest.mark.parametrize("name", FAMILIES)
def test_no_wave_is_both_trained_on_and_measured_on(name: str) -> None:
    """Faults 9 and 10: neither validation nor test waves are training waves, nor are they each other."""
    study = shipped(name)
    problem = build_problem(study.problem)
    train_waves, validation, test = (
        {tuple(round(value, 9) for value in wave) for wave in split.waves(problem).tolist()}
        for split in (study.data.train, study.data.validation, study.data.test)
    )
    assert not train_waves & (validation | test)
    assert not validation & test


@pytest.mark.parametrize("name", [name for name in STUDIES if name in FAMILIES])
def test_a_test_wave_lies_outside_the_training_box(name: str) -> None:
    """Fault 10: the only test wave lay inside the training box, which says nothing about waves beyond it."""
    study = shipped(name)
    problem = build_problem(study.problem)
    box, waves = study.data.train.waves(problem), study.data.test.waves(problem)
    outside = ((waves < box.min(dim=0).values) | (waves > box.max(dim=0).values)).any(dim=1)
    assert outside.any()
    assert not outside.all()


def test_every_wave_has_random_points_of_its_own() -> None:
    """Fault 10: the same random x served every wave."""
    waves = Split({"amplitude": (1.0, 2.0), "frequency": (0.5, 1.0, 1.5), "phase": (0.0,)}, points=30)
    points = sample(helmholtz(), waves, seed=0)
    assert len(points.x.unique()) == len(points)


def test_splits_drawn_at_random_share_no_points() -> None:
    """Fault 10: a random validation split is not measured at the training points."""
    drawn: dict[str, Any] = {"training.dtype": "float64"}
    for split in ("validation", "test"):
        drawn |= {f"data.{split}.sampling": "random", f"data.{split}.points": 30}
    trial = Trial(load_trial("helmholtz-quick", drawn))
    x = torch.cat([points["interior"].x for points in trial.splits.values()])
    assert len(x.unique()) == len(x)


def test_seeds_really_differ() -> None:
    """Fault 10: one seed. A seed decides the points, the network and the order of batches; another changes them."""
    trials = [Trial(load_trial("helmholtz-quick", {"training.seed": seed})) for seed in (0, 0, 1)]
    start = [trial.training.theta.detach().clone() for trial in trials]
    order = [next(iter(trial.training.batches))[0].batch.index for trial in trials]
    x = [trial.splits["train"]["interior"].x for trial in trials]
    for first, again, other in (start, order, x):
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
    assert not (x[0] == x[2]).any()
    assert (order[0] != order[2]).float().mean() > 0.8


def counted(monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]) -> int:
    """How many backward passes a piece of work asks for."""
    calls = 0
    plain = torch.autograd.grad

    def counting(*arguments: Any, **settings: Any) -> Any:
        nonlocal calls
        calls += 1
        return plain(*arguments, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(torch.autograd, "grad", counting)
        work()
    return calls


@pytest.mark.parametrize("method", METHODS)
def test_backward_passes_do_not_grow_with_the_points(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 11: J was computed row by row. Here one backward pass per constraint serves all points."""
    problem = viscous_flow()
    model = make_model(problem, Modulated(widths=(8, 8)))

    def passes(count: int) -> int:
        points = grid_points(problem, count)
        algorithm = METHODS[method]()
        step, state = make_step(model, points), start(algorithm, model, points)
        return counted(monkeypatch, lambda: algorithm.direction(step, state))

    assert passes(2) == passes(40) <= len(problem.constraints) + 2


@pytest.mark.parametrize("kind", ["layers", "general", "own"])
def test_the_jacobian_has_no_graph(kind: str) -> None:
    """Fault 11: J carried a differentiable graph that was then thrown away."""
    problem = viscous_flow()
    layered = make_model(problem, Modulated(widths=(8, 8)))
    own = ConstrainedNetwork(problem, OwnNetwork(3, 3, 3))
    model = {"layers": layered, "general": general_twin(layered), "own": own}[kind]
    points = grid_points(problem, 4)
    theta = theta_of(model)
    evaluation = model.evaluate(theta, points.x, points.p)
    jacobian = residual_jacobian(model, theta, evaluation, points.x, points.p)
    found = [
        jacobian.matrix(),
        jacobian.gram(),
        jacobian.point_products(jacobian),
        jacobian.times(torch.ones_like(theta)),
        jacobian.transposed_times(torch.ones(16, dtype=torch.float64)),
    ]
    assert evaluation.residuals.requires_grad
    assert not any(tensor.requires_grad for tensor in found)
    assert all(tensor.grad_fn is None for tensor in found)
