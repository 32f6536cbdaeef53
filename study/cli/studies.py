"""The studies that a user names: files of studies to be run, and folders of those that were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from search_spaces.errors import StudyFileError
from search_spaces.shipped import find
from study.cli.exit_codes import mendable
from study.cli.loading import loading
from study.journal.files import QUESTION, STUDY, TRIALS
from study.trial.files import CHECKPOINT, CHECKPOINT_BEFORE

if TYPE_CHECKING:
    from search_spaces.schema import Study

RUNS = Path("runs")

HOW_TO_START = "start one with: cnn-study run helmholtz-quick"


def study_of(
    space: str, settings: tuple[str, ...], *, trials: int | None = None, warm_start: str | None = None
) -> Study:
    """The study of a file with --set, --trials and --warm-start applied. Raises StudyFileError."""
    file = find(space)  # this, and what is existing: said before torch is loaded, which takes seconds
    earlier = None if warm_start is None else existing(warm_start)
    with loading():
        from search_spaces.load import load_study, parse_setting, together

    overrides = together([*map(parse_setting, settings), *([("tune.trials", trials)] if trials else [])])
    study = _with_kept_code(file, lambda: load_study(file, overrides))
    if earlier is None:
        return study
    with loading():
        from study.search.warm_start import best_points

    return load_study(file, overrides | {"tune.first": best_points(study, earlier)})


def trial_of(space: str, settings: tuple[str, ...], checkpoint: Path | None) -> Study:
    """One trial of a file with --set applied, with the defaults of the one that goes on. Raises StudyFileError."""
    file = find(space)
    with loading():
        from search_spaces.load import load_recorded, load_trial, parse_setting, together
        from study.trial.files import SETTINGS

    saved = None if checkpoint is None else checkpoint / SETTINGS
    edition = load_recorded(saved).edition if saved is not None and saved.is_file() else None
    return _with_kept_code(file, lambda: load_trial(file, together(map(parse_setting, settings)), edition=edition))


def _with_kept_code(file: Path, load: Callable[[], Study]) -> Study:
    """What is loaded from a file; where that lies in a study's folder, the code that it ran with is there, too.

    Which code is used is said, on stderr.
    """
    with loading():
        from search_spaces.modules import file_of, look_in
        from study.journal.own_code import kept_for

    if (kept := kept_for(file)) is None:
        return load()
    look_in(kept)  # loading looks beside the file and in the current folder before
    study = load()
    if (code := file_of(study.problem.name.partition(":")[0])) is not None:
        click.echo(f"{file}: the code of its problem is {code}", err=True)
    return study


def say_doubts(study: Study, whose: str = "") -> None:
    """What is hardly meant in a study, on stderr; of several, `whose` it is."""
    with loading():
        from search_spaces.doubts import doubts

    with mendable():
        for line in doubts(study):
            click.echo(f"warning: {whose}{line}", err=True)


def all_studies() -> list[Path]:
    """The folders of all studies under runs/."""
    return sorted(path.parent for path in RUNS.glob(f"*/{STUDY}"))


def compares(name: str) -> bool:
    """Whether NAME is a comparison."""
    return Path(name).name == name and (RUNS / name / QUESTION).exists()


def of_comparison(name: str) -> list[Path]:
    """The folders of the searches and confirmations of the comparison NAME that have begun."""
    with loading():
        from study.comparing.question import kept

    question = kept(RUNS / name)
    names = [called for one in question.rounds() for called in (question.called(*one), question.confirmed(*one))]
    return [RUNS / name for name in names if (RUNS / name / STUDY).exists()]


def existing(name: str) -> Path:
    """The folder of the study NAME. Raises StudyFileError with the names that there are."""
    if compares(name):
        begun = [path.name for path in of_comparison(name)]
        studies = f", or write one of its studies, e.g. {begun[-1]}; cnn-study status {name} shows all" if begun else ""
        raise StudyFileError(
            f"{RUNS / name} is a comparison; go on with it by cnn-study compare --name {name}{studies}"
        )
    directory = RUNS / " ".join(name.split())
    if Path(name).name != name or name == "..":
        raise StudyFileError(f"{name}: this is no name of a study; {_instead(name)}")
    if not (directory / STUDY).exists():
        raise StudyFileError(f"{directory}: there is no such study; {_instead(name)}")
    return directory


@dataclass(frozen=True)
class Trained:
    """Where a trial is: `which` one of the study in a folder, or the one that was `saved` in it."""

    folder: Path
    which: str | None
    saved: bool = False


def trained(name: str, which: str | None) -> Trained:
    """Of the study NAME, or of the folder NAME that a trial was saved in. Raises StudyFileError."""
    folder, saved = Path(name), _holds_trial(Path(name))
    if folder.name == name and (not saved or compares(name) or (RUNS / name / STUDY).exists()):
        return Trained(existing(name), which)
    if not saved:
        raise StudyFileError(f"{name}: no trial was saved there; {_instead(name)}")
    if which is not None:
        raise StudyFileError(f"{name} is the folder of one trial; leave out {which}")
    trial = folder.resolve()
    study = RUNS / trial.parent.parent.name
    if trial.parent == (study / TRIALS).resolve() and (study / STUDY).exists():
        return Trained(study, trial.name)  # whose journal knows more of it
    return Trained(folder, None, saved=True)


def _holds_trial(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (CHECKPOINT, CHECKPOINT_BEFORE))


def _instead(name: str) -> str:
    """What to write in place of a name that no study has."""
    if _holds_trial(Path(name)):
        return f"{name} is a trial's folder, which cnn-study plot and cnn-study predict take"
    if (Path(name) / STUDY).exists() and Path(name).parent == RUNS:
        return f"write {Path(name).name}"
    compared = sorted(path.parent.name for path in RUNS.glob(f"*/{QUESTION}"))
    known = ", ".join([*compared, *(path.name for path in all_studies())])
    return f"write one of: {known}" if known else f"there is none under {RUNS}/ yet; {HOW_TO_START}"
