"""Null-space steps keep their promise: constraints decay at the rate asked for, also under Adam."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.methods import NullSpace
from cnn_core.networks import Modulated
from cnn_core.optimizers import Adam, Sgd
from cnn_core.problems import Split, helmholtz, sample
from cnn_core.training import Training, TrainingStatus
from tests.cnn_core.cases import make_step, residual_jacobian

EXACT = NullSpace(damping=0.0)

WAVES = Split({"amplitude": (1.0, 3.0), "frequency": (0.7, 1.3), "phase": (0.1,)}, points=12)


def training(method, *, epochs, optimizer=None):
    """A fresh network on one fixed batch: all the points of four waves."""
    problem = helmholtz()
    network = Modulated().build(inputs=1, parameters=3, outputs=1, seed=0).double()
    points = sample(problem, WAVES)
    model = ConstrainedNetwork(problem, network)
    return Training(model, points, method, optimizer or Adam(), batch_size=len(points), epochs=epochs)


def constraint_norms(running):
    """|g| before every epoch and after the last."""

    def norm():
        return float(running.model.residuals(running.theta.detach(), running.points.x, running.points.p).norm())

    norms = [norm()]
    for _ in range(running.epochs):
        running.run_epoch()
        norms.append(norm())
    return norms


@pytest.mark.parametrize("preconditioner", ["identity", "optimizer"])
def test_constraints_decay_at_the_rate_asked_for(preconditioner):
    method = replace(EXACT, objective_rate=1e-4, constraint_rate=0.05, preconditioner=preconditioner)
    norms = constraint_norms(training(method, epochs=50))
    for step, norm in enumerate(norms):
        assert norm / norms[0] == pytest.approx(0.95**step, rel=0.05)


def test_a_corrector_step_lowers_the_floor_that_curvature_leaves():
    plain, corrected = (
        constraint_norms(training(replace(EXACT, objective_rate=1e-3, corrections=corrections), epochs=150))[-1]
        for corrections in (0, 1)
    )
    assert corrected < 0.1 * plain


@pytest.mark.parametrize("preconditioner", ["identity", "optimizer"])
def test_without_a_constraint_rate_a_step_is_tangent_and_descends(preconditioner):
    """J Δ = 0 and ∇f·Δ < 0."""
    running = training(replace(EXACT, constraint_rate=0.0, preconditioner=preconditioner), epochs=1)
    points, theta = running.regions["interior"], running.theta
    evaluation = running.model.evaluate(theta, points.x, points.p)
    jacobian = residual_jacobian(running.model, theta, evaluation, points.x, points.p)
    gradient = torch.autograd.grad((evaluation.prediction - points.u).square().mean(), theta)[0]
    step = make_step(running.model, points, theta=theta)
    delta = running.method.direction(step, running.method_state).gradient
    assert float(jacobian.times(delta).norm()) < 1e-9 * float(jacobian.times(1e-3 * gradient).norm())
    assert float(gradient @ delta) > 0


def test_the_metric_is_that_of_adam_on_the_data_alone():
    """With nothing to constrain, steps are Adam's own at the learning rate α_J."""
    ours = training(replace(EXACT, objective_rate=1e-3, warm_up=10.0), epochs=5)
    theirs = training(EXACT, epochs=5)
    stepper = torch.optim.Adam([theirs.theta], lr=1e-3)
    points = theirs.regions["interior"]
    for _ in range(5):
        ours.run_epoch()
        prediction = theirs.model.predict(theirs.theta, points.x, points.p)
        theirs.theta.grad = torch.autograd.grad((prediction - points.u).square().mean(), theirs.theta)[0]
        stepper.step()
    assert torch.allclose(ours.theta, theirs.theta, rtol=1e-9, atol=1e-12)


def test_growth_limit_shortens_steps_that_break_the_constraints():
    free, limited = (
        constraint_norms(training(replace(EXACT, objective_rate=3e-2, growth_limit=limit), epochs=10))
        for limit in (None, 1.0)
    )
    assert max(free) > 2 * free[0]
    assert all(later <= 1.001 * earlier for earlier, later in pairwise(limited))


def test_multipliers_are_kept_between_refreshes():
    norms = constraint_norms(training(replace(EXACT, objective_rate=1e-4, refresh_interval=5), epochs=20))
    assert norms[-1] < 0.6 * norms[0]


def test_under_sgd_the_optimizers_metric_is_the_identity():
    one = training(replace(EXACT, preconditioner="optimizer"), epochs=3, optimizer=Sgd())
    other = training(replace(EXACT, preconditioner="identity"), epochs=3, optimizer=Sgd())
    for running in (one, other):
        constraint_norms(running)
    assert torch.equal(one.theta, other.theta)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"corrections": -1}, "corrections must be 0 or more, got -1"),
        ({"growth_limit": 0.5}, "growth_limit must be at least 1 or null, got 0.5"),
        ({"refresh_interval": 0}, "refresh_interval must be at least 1 step, got 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        NullSpace(**settings)


def test_no_step_makes_the_constraints_grow_beyond_the_limit_with_old_multipliers_either():
    method = replace(EXACT, objective_rate=3e-2, growth_limit=1.0, refresh_interval=5)
    norms = constraint_norms(training(method, epochs=10))
    assert all(after <= before * (1 + 1e-9) for before, after in pairwise(norms))


def test_corrections_do_not_undo_a_cap():
    steps = []
    for corrections in (0, 1):
        running = training(replace(EXACT, cap=1e-3, corrections=corrections), epochs=1)
        running.run_epoch()
        steps.append(running.gradient)
        assert running.watched["multipliers_max"] == pytest.approx(1e-3)
    assert torch.equal(*steps)


def test_a_growth_limit_hides_nothing_that_is_not_finite():
    running = training(replace(EXACT, growth_limit=1.0), epochs=1)
    running.regions["interior"].u[0] = math.nan
    assert running.run_epoch() is TrainingStatus.DIVERGED
