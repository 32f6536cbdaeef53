"""Weights of the terms of a penalty that are found on the way, from the sizes of the terms' gradients.

Every `interval` steps the gradient of every term is computed by itself, and every weight moves towards what it should
be, λ̂, from the next step on:

    λ ← memory·λ + (1 − memory)·λ̂,     λ = 1 at the start.

* Gradient norms (Wang, Sankaran, Wang & Perdikaris 2023, "An expert's guide to training physics-informed neural
  networks"): λ̂_i = mean over the terms j of |∇L_j| / |∇L_i|, so that all terms pull alike. The paper has the sum, its
  code the mean, with which terms that do pull alike keep λ = 1. It has 1000 steps as interval, in runs of 10⁵.
* Learning-rate annealing (Wang, Teng & Perdikaris 2021, "Understanding and mitigating gradient flow pathologies in
  physics-informed neural networks"): λ̂_i = max |∇L_r| / mean |∇L_i| over the entries of θ, with L_r the sum of the
  PDE's terms, which keep λ = 1. Their published code has λ_i L_i in the place of L_i.

A vanishing gradient's λ̂ is bounded, as in the former's code: a term that is solved weighs at most 10⁵ times as much.

Axis names: T terms, P parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from cnn_core.methods.method import State, Step
from cnn_core.methods.terms import tasks_of, term_gradients, term_names, terms_of_pde
from cnn_core.problems import ProblemError
from cnn_core.reductions import Reduction
from cnn_core.tasks import Task, constants

SMALLEST = 1e-5
"""A gradient counts as no smaller than this, relative to what it is compared with."""


@dataclass(frozen=True)
class Unbalanced:
    """Every term has the weight that it was given."""

    name: Literal["none"] = "none"


@dataclass(frozen=True)
class GradientNorms:
    """All terms pull alike. `memory` is what a weight keeps of itself, `interval` counts steps."""

    memory: float = 0.9
    interval: int = 10
    name: Literal["gradient-norms"] = "gradient-norms"

    def __post_init__(self) -> None:
        _require_average(self.memory, self.interval)

    def wanted(self, gradients: Tensor, of_pde: Sequence[bool]) -> Tensor:
        """λ̂ (T,) for the gradients (T, P) of terms, some of which are the PDE's."""
        sizes = gradients.norm(dim=1)
        return _ratio(sizes.mean(), sizes)


@dataclass(frozen=True)
class LearningRateAnnealing:
    """No term's mean pull is below the PDE's largest. `memory` is what a weight keeps of itself, `interval` counts
    steps.
    """

    memory: float = 0.9
    interval: int = 10
    name: Literal["learning-rate-annealing"] = "learning-rate-annealing"

    def __post_init__(self) -> None:
        _require_average(self.memory, self.interval)

    def wanted(self, gradients: Tensor, of_pde: Sequence[bool]) -> Tensor:
        """λ̂ (T,) for the gradients (T, P) of terms, some of which are the PDE's."""
        pde = constants(of_pde, gradients, dtype=torch.bool)
        places = constants([place for place, one in enumerate(of_pde) if one], gradients, dtype=torch.long)
        largest = gradients[places].sum(dim=0).abs().max()
        return torch.where(pde, 1.0, _ratio(largest, gradients.abs().mean(dim=1)))


Balance = Unbalanced | GradientNorms | LearningRateAnnealing


def start_balance(balance: Balance, tasks: Sequence[Task], like: Tensor) -> State:
    """The state before the first step. Raises ProblemError where there is nothing to compare with."""
    if isinstance(balance, Unbalanced):
        return {}
    of_pde = terms_of_pde(tasks)
    if isinstance(balance, LearningRateAnnealing) and not any(of_pde):
        raise ProblemError(
            f"method soft: balance {balance.name} compares with the PDE's residuals, and none is a constraint; write "
            "roles that make one, or balance: {name: gradient-norms}"
        )
    return {"age": 0, "weights": like.new_ones(len(of_pde))}


def weights_by_term(step: Step, state: State) -> dict[str, Tensor]:
    """The weight of each term by its name; of none, where nothing is balanced."""
    return dict(zip(term_names(tasks_of(step)), state["weights"], strict=True)) if state else {}


def rebalanced(balance: Balance, step: Step, reduction: Reduction, state: State) -> State:
    """The state after a step."""
    if isinstance(balance, Unbalanced):
        return state
    weights = state["weights"]
    if state["age"] % balance.interval == 0:
        wanted = balance.wanted(term_gradients(step, reduction), terms_of_pde(tasks_of(step)))
        weights = balance.memory * weights + (1 - balance.memory) * wanted
    return {"age": state["age"] + 1, "weights": weights}


def _ratio(reference: Tensor, sizes: Tensor) -> Tensor:
    """reference / sizes (T,), bounded; 1 where nothing pulls at all."""
    return torch.where(reference > 0, reference / (sizes + SMALLEST * reference), 1.0)


def _require_average(memory: float, interval: int) -> None:
    if not 0 <= memory < 1:
        raise ValueError(f"memory must lie in [0, 1), got {memory}")
    if interval < 1:
        raise ValueError(f"interval must be at least 1 step, got {interval}")
