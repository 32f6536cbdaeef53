"""What a study file amounts to before anything runs: its problem, the points of its splits, the steps of an epoch."""

from functools import cached_property

from cnn_core.batches import Batches
from cnn_core.problems import PointSet, Problem
from cnn_core.rehearsal import Cast
from cnn_core.tasks import tasks
from search_spaces.contestants import plain_studies
from search_spaces.networks import build_network
from search_spaces.problems import build_problem
from search_spaces.schema import Study
from search_spaces.splits import points_of


class Drawn:
    """A study with its problem and points, each made when it is first asked for."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self._points: dict[str, dict[str, PointSet]] = {}

    @cached_property
    def problem(self) -> Problem:
        """The study's, which its contestants share."""
        return build_problem(self.study.problem)

    @cached_property
    def plain(self) -> dict[str | None, Study]:
        """The plain study of every contestant by its name, or the study itself under None."""
        return plain_studies(self.study)

    def points(self, split: str) -> dict[str, PointSet]:
        """The points of a split, by region."""
        if split not in self._points:
            self._points[split] = points_of(self.study, self.problem, split)
        return self._points[split]

    def steps(self, plain: Study) -> int:
        """How many steps an epoch of this plain study takes; 0 where nothing is trained."""
        if not plain.trains:
            return 0
        points = points_of(plain, self.problem, "train") if plain.data.train != self.study.data.train else None
        points, training = points or self.points("train"), plain.training
        model = Cast(build_network(plain.network), 0, training.dtype).model(self.problem, narrow=True)
        return len(Batches(points, tasks(model, points, training.roles), training.batch_size, training.seed))


def in_short(study: Study) -> list[str]:
    """A line on the observations, if there are any, and one on the steps of a training."""
    drawn = Drawn(study)
    return [*_observations(drawn), *_steps(drawn)]


def _observations(drawn: Drawn) -> list[str]:
    splits = drawn.study.data.splits
    if not any(split.file for split in splits.values()):
        return []
    counts = {name: sum(len(part) for part in drawn.points(name).values() if part.observed) for name in splits}
    return ["observations: " + ", ".join(f"{count} in {name}" for name, count in counts.items())]


def _steps(drawn: Drawn) -> list[str]:
    """Those of all contestants, from the fewest to the most, with what stands outside of the search."""
    found = sorted({(steps, one.training.epochs) for one in drawn.plain.values() if (steps := drawn.steps(one))})
    if not found:
        return []
    each, all_of_them = _range([steps for steps, _ in found]), _range([steps * epochs for steps, epochs in found])
    searched = any({*plain.search} & {"training.batch_size", "training.epochs"} for plain in drawn.plain.values())
    return [f"steps: {each} an epoch, {all_of_them} in a training{', before what is searched' * searched}"]


def _range(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"
