"""Tasks: what a training is asked on each region of a problem.

Every residual and the data have a *role*: a `constraint` must vanish, an `objective` joins f by its mean square, and
what is only `measured` does not teach. The PDE and its conditions are constraints and the data is an objective, unless
a training says otherwise.

Axis names: N points, O outputs, C constraints and A objectives among the residuals of a region.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, get_args

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.data_loss import point_objectives
from cnn_core.problems import DATA, PointSet, Problem, ProblemError

Role = Literal["constraint", "objective", "measured"]

Need = Literal["constraint", "objective"] | None
"""A role without which a method has nothing to do."""

Roles = Mapping[str, Role]
"""A role for `data`, a residual of the PDE, or a condition, by name."""

Points = Mapping[str, PointSet]
"""Points by region."""


@dataclass(frozen=True, eq=False)
class Task:
    """What a training is asked on one region: `model` is bound to the residuals that teach there.

    The first of them are constraints and the others objectives; `constraints` and `objectives` name the condition that
    each belongs to. `learns` says whether the data there is an objective, too.
    """

    region: str
    model: ConstrainedNetwork
    constraints: tuple[str, ...]
    objectives: tuple[str, ...]
    learns: bool

    @property
    def aims(self) -> bool:
        """Whether there is an objective."""
        return self.learns or bool(self.objectives)

    @property
    def by_values(self) -> bool:
        """Whether the objective reads the network's values alone: the data, and no residual."""
        return not self.objectives

    @cached_property
    def of_values(self) -> ConstrainedNetwork:
        """The network without any residual, whose passes carry its values alone."""
        return self.model.with_problem(self.model.problem.only(()))

    def shares(self, like: Tensor) -> Tensor | None:
        """The weights (A,) of the squares of the objectives in f: those of one condition are a mean."""
        return None if not self.objectives else constants(_fractions(self.objectives), like)

    def fractions(self, like: Tensor) -> Tensor | None:
        """The weights (C,) by which a condition's number is the mean over its residuals; None where all are 1."""
        fractions = _fractions(self.constraints)
        return None if set(fractions) <= {1.0} else constants(fractions, like)

    def constraint_part(self, residuals: Tensor) -> Tensor:
        """The constraints (N, C) among the residuals."""
        return residuals if not self.objectives else residuals[:, : len(self.constraints)]

    def objective_part(self, residuals: Tensor) -> Tensor:
        """The objectives (N, A) among the residuals."""
        return residuals[:, len(self.constraints) :]


def objective(
    prediction: Tensor, residuals: Tensor, u: Tensor | None, weight: Tensor | None, shares: Tensor | None
) -> Tensor:
    """What points add to f, a scalar: the mean of `point_objectives`."""
    return point_objectives(prediction, residuals, u, weight, shares).mean()


def tasks(model: ConstrainedNetwork, points: Points, roles: Roles | None = None) -> list[Task]:
    """The tasks of a training on these points, by region. Raises ProblemError for roles of what there is not."""
    roles = roles or {}
    require_roles(model.problem, roles)
    require_read(model.problem)
    found = [_task(model, region, part, roles) for region, part in points.items()]
    return [task for task in found if task.constraints or task.objectives or task.learns]


def require_need(method: str, need: Need, found: Sequence[Task]) -> None:
    """Raises ProblemError where nothing that is asked for has the role that a method needs."""
    has = {
        "constraint": any(task.constraints for task in found),
        "objective": any(task.objectives or task.learns for task in found),
    }
    if not any(has.values()):
        raise ProblemError(
            f"method {method}: there is nothing to train on; give training points some role but measured"
        )
    if need is not None and not has[need]:
        raise ProblemError(
            f"method {method} needs {'a constraint' if need == 'constraint' else 'an objective'}, and there is none; "
            f"give the training data or points, or write roles with {need}"
        )


def require_roles(problem: Problem, roles: Roles) -> None:
    """Raises ProblemError for a role of what the problem does not have, or that means nothing."""
    known = (*problem.constraints, *problem.conditions, DATA)
    for name, role in roles.items():
        if name not in known:
            raise ProblemError(f"roles: {name!r} is none of {', '.join(known)}, which problem {problem.name!r} has")
        if role not in get_args(Role):
            raise ProblemError(f"roles: {name!r} is {role!r}; write one of {', '.join(get_args(Role))}")
        if name == DATA and role == "constraint":
            raise ProblemError("roles: data can be an objective or measured, got constraint; data is never exact")


def require_read(problem: Problem) -> None:
    """Raises ProblemError for an unknown that nothing can find."""
    for name in problem.unread:
        raise ProblemError(
            f"problem {problem.name!r}: no residual reads the unknown {name!r}, so that nothing can find it; read "
            f"p[{problem.parameters.index(name)}] in one, or make it a parameter that is given"
        )


def role_of(name: str, roles: Roles) -> Role:
    """The role of the data, a residual or a condition."""
    return roles.get(name, "objective" if name == DATA else "constraint")


def _task(model: ConstrainedNetwork, region: str, points: PointSet, roles: Roles) -> Task:
    model = model.on(region)
    problem = model.problem
    owner = dict(zip(problem.constraints, problem.owners, strict=True))
    rows = {
        role: tuple(row for row in owner if role_of(owner[row], roles) == role) for role in ("constraint", "objective")
    }
    constraints, objectives = rows["constraint"], rows["objective"]
    learns = points.observed and role_of(DATA, roles) == "objective"
    return Task(
        region,
        model.with_problem(problem.only(constraints + objectives)),
        tuple(owner[row] for row in constraints),
        tuple(owner[row] for row in objectives),
        learns,
    )


def _fractions(owners: tuple[str, ...]) -> list[float]:
    counts = Counter(owners)
    return [1 / counts[owner] for owner in owners]


def at_once(parts: list[Tensor]) -> Tensor:
    """One vector of all parts; one part as it is."""
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def added(parts: Sequence[Tensor], zero: Tensor) -> Tensor:
    """The sum of all parts, or zero."""
    return sum(parts[1:], parts[0]) if parts else zero


def by_condition(task: Task, numbers: Tensor) -> Tensor:
    """One number for each condition: the mean over its residuals' numbers (C,)."""
    fractions = task.fractions(numbers)
    if fractions is None:
        return numbers
    names = list(dict.fromkeys(task.constraints))
    places = constants([names.index(name) for name in task.constraints], numbers, dtype=torch.long)
    return numbers.new_zeros(len(names)).index_add(0, places, fractions * numbers)


def vector(numbers: Sequence[float | Tensor], like: Tensor) -> Tensor:
    """Numbers that may change from step to step, some of them tensors of one number."""
    held = [one if isinstance(one, Tensor) else like.new_full((), one) for one in numbers]
    return torch.stack(held) if held else like.new_zeros(0)


def constants(numbers: Sequence[float], like: Tensor, *, dtype: torch.dtype | None = None) -> Tensor:
    """Numbers that stay the same from step to step, as one tensor for all steps: nobody may change it."""
    return _constants(tuple(numbers), dtype or like.dtype, like.device)


@lru_cache(maxsize=256)
def _constants(numbers: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch._C._DisableFuncTorch():  # else one made inside of a transform belongs to it, and this outlives it
        return torch.tensor(numbers, dtype=dtype, device=device)


def has_objective(tasks: Iterable[Task]) -> bool:
    """Whether there is one on any region."""
    return any(task.aims for task in tasks)
