"""The terms of a training: the objective f, where something is one, and the number R_c of every constrained condition.

Methods that weigh terms against each other, or move along all of them at once, need the gradient of each by itself: one
pass forwards, and one backwards for each term.

Axis names: T terms, P parameters.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from cnn_core.methods.method import Step
from cnn_core.methods.reduction import gradients
from cnn_core.reductions import Reduction
from cnn_core.tasks import Task, has_objective

OBJECTIVE = "objective"
"""What f is called among the terms."""


def term_names(tasks: Sequence[Task]) -> tuple[str, ...]:
    """The names of the terms, in their order: residuals of the PDE by their own, conditions by theirs."""
    conditions = [name for task in tasks for name in dict.fromkeys(task.constraints)]
    return (*([OBJECTIVE] if has_objective(tasks) else []), *conditions)


def terms_of_pde(tasks: Sequence[Task]) -> tuple[bool, ...]:
    """Which of the terms are residuals of the PDE."""
    owned = {owner for task in tasks for owner in task.model.problem.region.owners.values()}
    return tuple(name != OBJECTIVE and name not in owned for name in term_names(tasks))


def tasks_of(step: Step) -> list[Task]:
    """What is asked in a step."""
    return [part.task for part in step.parts]


def term_gradients(step: Step, reduction: Reduction) -> Tensor:
    """The gradients of all terms in θ, (T, P)."""
    loss, reduced = step.values(reduction)
    values = torch.cat([loss[None], reduced]) if has_objective(tasks_of(step)) else reduced
    with step.clock.section("jacobian"):
        return gradients(values, step.theta)
