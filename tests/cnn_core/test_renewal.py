"""Points that are drawn anew: when, which, and that a training that goes on has them."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.construction import fresh
from cnn_core.domains import Box
from cnn_core.methods import AugmentedLagrangian, Soft
from cnn_core.networks import Dense
from cnn_core.optimizers import Adam
from cnn_core.problems import Condition, PointSet, Problem, Split, redrawn, sample_regions
from cnn_core.renewal import Refinement, Renewal, refined
from cnn_core.training import Training, TrainingStatus

PROBLEM = Problem(
    "own",
    Box({"x": (0.0, 1.0)}),
    ("k",),
    ("u",),
    lambda u, x, p: {"slope": u["x"][0] - p[0] * torch.exp(-((x[0] - 0.9) ** 2) / 1e-4)},
    conditions={"start": Condition("x=0", lambda u, x, p: {"start": u.value[0]})},
)
SPLIT = Split({"k": (50.0, 100.0)}, {"interior": 20, "x=0": 1})


def draw(region: str, times: int, seed: int) -> PointSet:
    return redrawn(PROBLEM, SPLIT, region, times=times, seed=seed, data=False)


def training(epochs: int = 5, method: Any = None, **settings: Any) -> Training:
    model = ConstrainedNetwork(PROBLEM, fresh(Dense((5,)), PROBLEM, seed=0).double())
    points = sample_regions(PROBLEM, SPLIT)
    return Training(model, points, method or Soft(), Adam(), 8, epochs, renewal=Renewal(draw, **settings))


def test_resampling_draws_new_points_every_so_many_epochs() -> None:
    running = training(resample={"interior": 2})
    seen = []
    while running.status is TrainingStatus.RUNNING:
        running.run_epoch()
        seen.append(running.regions["interior"].x.clone())
    same = [torch.equal(one, other) for one, other in itertools.pairwise(seen)]
    assert same == [True, False, True, False]
    assert all(len(x) == 40 for x in seen)
    again = training(resample={"interior": 2})
    for x in seen:
        again.run_epoch()
        assert torch.equal(again.regions["interior"].x, x)


def test_one_number_resamples_all_regions_that_are_drawn() -> None:
    running = training(resample=1)
    running.run_epoch()
    running.run_epoch()
    assert running.renewed == {"interior", "x=0"}


def test_conditions_at_points_keep_theirs() -> None:
    value = Condition(torch.tensor([[0.5]]), lambda u, x, p: {"u": u.value[0]})
    problem = replace(PROBLEM, conditions={"middle": value})
    model = ConstrainedNetwork(problem, fresh(Dense((5,)), problem, seed=0).double())
    points = sample_regions(problem, replace(SPLIT, points=20))
    running = Training(model, points, Soft(), Adam(), 8, 3, renewal=Renewal(draw, resample=1))
    while running.status is TrainingStatus.RUNNING:
        running.run_epoch()
    assert running.renewed == {"interior"}
    assert running.regions["middle"].x.flatten().tolist() == [0.5, 0.5]


def test_refined_points_gather_where_the_residual_is_large_on_every_wave() -> None:
    running = training()
    points, candidates = running.regions["interior"], draw("interior", 50, 1)
    new = refined(Refinement(share=0.5), running.model, running.theta.detach(), points, candidates, 3)
    assert (len(new), new.waves) == (40, 2)
    assert new.p.flatten().tolist() == [50.0] * 20 + [100.0] * 20
    for wave in range(2):
        assert torch.equal(new.wave(wave).x[:10], points.wave(wave).x[:10])
        near = (new.wave(wave).x[10:] - 0.9).abs() < 0.03
        assert near.sum() >= 3  # of ten; of as many drawn evenly, 0.6


def test_a_training_that_goes_on_has_its_new_points() -> None:
    whole, first = (training(6, refine={"interior": Refinement(every=2)}) for _ in range(2))
    for _ in range(3):
        first.run_epoch()
    second = training(6, refine={"interior": Refinement(every=2)})
    second.load_state_dict(first.state_dict())
    for running in (whole, second):
        while running.status is TrainingStatus.RUNNING:
            running.run_epoch()
    assert torch.equal(whole.theta, second.theta)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resample": {"walls": 2}}, r"resample.walls has no points that are drawn; write some of: interior, x=0"),
        ({"refine": {"walls": Refinement()}}, r"refine.walls has no points that are drawn"),
        (
            {"method": AugmentedLagrangian(), "resample": 2},
            "method augmented-lagrangian has a multiplier for each point, which must stay",
        ),
    ],
)
def test_what_cannot_be_renewed_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        training(**settings)


def test_a_refinement_that_means_nothing_is_refused() -> None:
    for changed in ({"share": 0.0}, {"every": 0}, {"candidates": 0}):
        with pytest.raises(ValueError, match=r"must be (at least 1|above 0)"):
            replace(Refinement(), **changed)
