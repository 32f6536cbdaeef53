"""What tests of methods with reduced constraints share: their steps, and the formula written out."""

from typing import Any

import torch
from torch import Tensor

from cnn_core.data_loss import data_loss
from cnn_core.methods import Method
from cnn_core.methods.method import Step
from cnn_core.networks import Dense
from cnn_core.reductions import Reduction as AnyReduction
from tests.cnn_core.cases import grid_points, make_model, make_problem, make_step, start, theta_of


def first_step(name: str = "viscous-flow", *, epoch: float = 0.0) -> Step:
    model = make_model(make_problem(name), Dense(widths=(9, 8), activation="tanh"))
    return make_step(model, grid_points(model.problem, 6), epoch=epoch)


def values_and_rows(step: Step, reduction: AnyReduction) -> tuple[Tensor, Tensor]:
    """(f, R_1 … R_C) and their gradients."""
    theta = step.theta.detach().clone().requires_grad_()
    evaluation = step.parts[0].model.evaluate(theta, step.parts[0].batch.x, step.parts[0].batch.p)
    loss = data_loss(evaluation.prediction, step.parts[0].batch.u)
    values = torch.cat([loss[None], reduction(evaluation.residuals)])
    rows = torch.stack([torch.autograd.grad(value, theta, retain_graph=True)[0] for value in values])
    return values.detach(), rows


def formula(values: Tensor, rows: Tensor, *, gain: float, rate: float, damping: float = 0.0) -> tuple[Tensor, Tensor]:
    """rate·∇f + Jᵀλ and λ = (J Jᵀ + δ s I)⁻¹ (gain·R − rate·J∇f)."""
    gradient, jacobian = rows[0], rows[1:]
    gram = jacobian @ jacobian.T
    gram = gram + damping * gram.trace() / len(gram) * torch.eye(len(gram), dtype=torch.float64)
    multipliers = torch.linalg.solve(gram, gain * values[1:] - rate * jacobian @ gradient)
    return rate * gradient + multipliers @ jacobian, multipliers


def walk(
    method: Method, steps: int, rate: float = 1e-3, *, problem: str = "viscous-flow", size: int = 6
) -> list[tuple[Step, Tensor, dict[str, Any]]]:
    """Steps at moving θ and changing batches, with the direction and the state that it left."""
    model = make_model(make_problem(problem), Dense(widths=(9, 8), activation="tanh"))
    theta, state = theta_of(model), start(method, model, grid_points(model.problem, size))
    found = []
    for index in range(steps):
        step = make_step(model, grid_points(model.problem, size, seed=index), theta=theta, epoch=index / 4)
        answer = method.direction(step, state)
        state = answer.state
        found.append((step, answer.gradient, dict(state)))
        theta = (theta - rate * answer.gradient).detach().requires_grad_()
    return found
