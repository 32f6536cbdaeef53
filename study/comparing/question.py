"""What a comparison asks: problems with contestants, how many searches, and how many seeds confirm what each found.

It is kept in the comparison's folder, as a file beside one study file for each problem, before anything runs.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from search_spaces.checks import LONGEST_NAME
from search_spaces.errors import StudyFileError
from search_spaces.line_up import Entered
from search_spaces.load import dump_yaml, load_recorded
from search_spaces.schema import Study
from study.journal.files import PROBLEMS, QUESTION
from study.journal.provenance import provenance
from study.journal.study_folder import claim

ENDINGS = len("-100-confirm")

APART = 1000
"""How far the seeds of one search lie from those of the next: more than there are fresh seeds."""

MOST_SEARCHES = 100
"""Of a problem; so far apart are the first searches of two problems."""


@dataclass(frozen=True)
class Question:
    """A comparison by its name, before anything has run.

    `problems` are studies of contestants by their names, `refused` says of each which contestants cannot run there.
    """

    name: str
    problems: Mapping[str, Study]
    refused: Mapping[str, Mapping[str, str]]
    baselines: tuple[str, ...]
    studies: int
    seeds: int
    began: float
    version: str

    @property
    def edition(self) -> int:
        """Of the defaults with which it began."""
        return next(iter(self.problems.values())).edition

    def search(self, problem: str, number: int) -> Study:
        """The study of a search, from 1 on: with its own draws, first parameters, points and batches.

        Its seeds are none of another search, or of fresh runs, if all study files have the same. All are called like
        the comparison, so that MLflow has them in one experiment.
        """
        study, apart = self.problems[problem], self._apart(problem, number)
        tune = replace(study.tune, seed=study.tune.seed + apart)
        training = replace(study.training, seed=study.training.seed + apart)
        return replace(study, study=self.name, tune=tune, training=training)

    def first_seed(self, problem: str, number: int) -> int:
        """Where the fresh seeds of a search begin: none has one of another's.

        With the same seeds the medians of several searches, or problems, would agree more than those of other seeds,
        and what they have in common, the luck of these seeds, would be taken for certain.
        """
        return self.problems[problem].training.seed + self._apart(problem, number) + 1

    def _apart(self, problem: str, number: int) -> int:
        """Where a search has its seeds."""
        return APART * (MOST_SEARCHES * list(self.problems).index(problem) + number)

    def called(self, problem: str, number: int) -> str:
        """The name of a search: that of its folder, beside that of the comparison."""
        return f"{self.name}-{problem}-{number}"

    def confirmed(self, problem: str, number: int) -> str:
        """The name of the study that confirms what a search found."""
        return f"{self.called(problem, number)}-confirm"

    def rounds(self) -> list[tuple[str, int]]:
        """(problem, search) in the order in which they run: every problem once, then again."""
        return [(problem, number) for number in range(1, self.studies + 1) for problem in self.problems]


def asked(
    name: str,
    entered: Sequence[Entered],
    *,
    baselines: tuple[str, ...],
    studies: int,
    seeds: int,
    trials: int,
    seconds: float | None,
) -> Question:
    """A new question; every contestant of a search has at most so many `trials`, and CPU `seconds`.

    Raises StudyFileError where two files have the same name, where names become too long, and for so many searches or
    seeds that they would meet those of others.
    """
    _require_few("--studies", studies, MOST_SEARCHES)
    _require_few("--seeds", seeds, APART - 1)
    problems = {}
    for study in (one.study for one in entered):
        if study.study in problems:
            raise StudyFileError(f"two study files are called {study.study}; give one of them another name")
        if len(name) + len(study.study) + ENDINGS > LONGEST_NAME:
            raise StudyFileError(f"--name {name} with {study.study} is too long for a study's name; write shorter ones")
        tune = replace(study.tune, trials=trials * len(study.contestants), seconds=seconds)
        problems[study.study] = replace(study, tune=tune)
    return Question(
        name=name,
        problems=problems,
        refused={one.study.study: dict(one.refused) for one in entered},
        baselines=baselines,
        studies=studies,
        seeds=seeds,
        began=time.time(),
        version=provenance().get("git_commit", "")[:12] or "unknown",
    )


def claim_or_recall(runs: Path, question: Question) -> Question:
    """Keep a new question in its folder in `runs`, or take the one there, if it asks the same, or for more searches.

    What a start left that was killed before the question was kept is taken over. Raises FileExistsError where another
    one, or a study, has the folder, ValueError for a name that is none.
    """
    folder = runs / question.name
    if Path(question.name).name == question.name and (folder / QUESTION).exists():
        longer = _longer(before := kept(folder), question.studies)
        if differing := _differing(longer, question):
            raise FileExistsError(
                f"{folder}: a comparison of this name asks something else, by its {', '.join(differing)}; write "
                f"another --name, or go on with it by cnn-study compare --name {question.name}"
            )
        if longer != before:
            keep(longer, folder)
        return longer
    if not _left_behind(folder):
        claim(runs, question.name)
    keep(question, folder)
    return question


def lengthened(folder: Path, studies: int) -> Question:
    """The question in a folder, with so many searches of each problem from now on. Raises StudyFileError for fewer."""
    before = kept(folder)
    if studies < before.studies:
        raise StudyFileError(f"--studies is {studies}, and {before.studies} were asked for; write at least as many")
    _require_few("--studies", studies, MOST_SEARCHES)
    keep(longer := _longer(before, studies), folder)
    return longer


def _longer(question: Question, studies: int) -> Question:
    return replace(question, studies=max(question.studies, studies))


def _require_few(option: str, count: int, most: int) -> None:
    if count > most:
        raise StudyFileError(f"{option} is {count}; write at most {most}")


def _left_behind(folder: Path) -> bool:
    """Whether a folder holds what is written before a question is kept, and nothing else."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return bool(names) and names <= {PROBLEMS, _new(folder / QUESTION).name}


def _differing(before: Question, now: Question) -> list[str]:
    """In what two questions differ, in the user's words."""
    there, here = _said(before), _said(now)
    return [what for what in dict.fromkeys([*there, *here]) if there.get(what) != here.get(what)]


def _said(question: Question) -> dict[str, Any]:
    """All that a question asks, but for when it was asked."""
    said: dict[str, Any] = {"--studies": question.studies, "--seeds": question.seeds, "baselines": question.baselines}
    for name, study in question.problems.items():
        share = study.tune.trials // len(study.contestants)
        said[f"--trials, --seconds or tune of {name}"] = replace(study.tune, trials=share)
        said[f"contestants of {name}"] = (study.contestants, {*question.refused[name]})
        said[f"problem {name}"] = {**vars(study), "tune": None, "contestants": None}
    return said


def keep(question: Question, folder: Path) -> None:
    """Write the question into the folder of its comparison, which is made; each file whole or not at all."""
    (folder / PROBLEMS).mkdir(parents=True, exist_ok=True)
    for name, study in question.problems.items():
        _write(folder / PROBLEMS / f"{name}.yaml", dump_yaml(study))
    _write(folder / QUESTION, yaml.safe_dump(_plain(question), sort_keys=False))


def _write(path: Path, text: str) -> None:
    _new(path).write_text(text, encoding="utf-8")
    _new(path).replace(path)


def _new(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def kept(folder: Path) -> Question:
    """The question in the folder of a comparison. Raises StudyFileError where it cannot be read."""
    try:
        said: dict[str, Any] = yaml.safe_load((folder / QUESTION).read_text(encoding="utf-8"))
        problems = {name: load_recorded(folder / PROBLEMS / f"{name}.yaml") for name in said["problems"]}
        return Question(**{**said, "problems": problems, "baselines": tuple(said["baselines"])})
    except (OSError, yaml.YAMLError, TypeError, KeyError) as error:
        raise StudyFileError(f"{folder / QUESTION}: the comparison cannot be read: {error}; begin a new one") from None


def _plain(question: Question) -> dict[str, Any]:
    return {
        **asdict(replace(question, problems={})),
        "problems": list(question.problems),
        "baselines": [*question.baselines],
    }
