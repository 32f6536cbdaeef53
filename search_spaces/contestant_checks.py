"""Whether contestants can compete: names that tell them apart, one problem and the same data to be judged by, and for
each a study that could run by itself.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from search_spaces.checks import check_sizes
from search_spaces.contestants import CONTESTANT, of_contestant
from search_spaces.errors import StudyFileError, nearest, shown
from search_spaces.measured import check_metrics
from search_spaces.overrides import CONTESTANTS, OF_A_CONTESTANT, together
from search_spaces.schema import OF_A_TRIAL, ProblemChoice, Study
from search_spaces.search_checks import Tried, check_search

MOST_CONTESTANTS = 100
LONGEST_NAME = 60
"""Letters of a contestant's name."""


def check_contestants(study: Study, tried: Tried) -> None:
    """Raises StudyFileError where a contestant, or what they have together, makes no sense.

    Networks and data that were `tried` are not tried again, and those that are tried here were then.
    """
    if len(study.contestants) > MOST_CONTESTANTS:
        raise StudyFileError(f"there are {len(study.contestants)} contestants; write at most {MOST_CONTESTANTS}")
    for name in study.contestants:
        _check_name(name)
    if study.tune.balance is not None:
        raise StudyFileError(
            "tune.balance has no effect beside contestants, who share the trials equally already; remove it"
        )
    _check_first(study)
    for name in study.contestants:
        _check_contestant(study, name, tried)


def check_searched(study: Study) -> None:
    """Raises StudyFileError for what is searched beside contestants none of whom searches it."""
    contestants = study.contestants.items()
    used = {path for name, one in contestants for path in {*of_contestant(study, name).search} - {*one.search}}
    for path in study.search:
        if path not in used:
            raise StudyFileError(
                f"search.{path} is searched by no contestant: each of them sets it or searches it its own way, or its "
                "`when` never holds; remove it"
            )


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9._-]*", name):
        raise StudyFileError(
            f"contestants has the name {name!r}; begin with a letter, and write letters, digits, '.', '_' and '-'"
        )
    if len(name) > LONGEST_NAME:
        raise StudyFileError(f"contestants has a name of {len(name)} letters; write at most {LONGEST_NAME}")
    if words := {*OF_A_CONTESTANT} & {*name.split(".")}:
        raise StudyFileError(f"contestants has the name {name!r}; {words.pop()} between dots means something else here")


def _check_first(study: Study) -> None:
    for position, point in enumerate(study.tune.first):
        where = f"tune.first[{position}].{CONTESTANT}"
        if CONTESTANT not in point:
            raise StudyFileError(f"{where} is missing; write whose point it is, one of: {', '.join(study.contestants)}")
        if point[CONTESTANT] not in study.contestants:
            raise StudyFileError(
                f"{where} is {shown(point[CONTESTANT])}; {nearest(point[CONTESTANT], study.contestants)}"
            )


def _check_contestant(study: Study, name: str, tried: Tried) -> None:
    one, where = study.contestants[name], f"{CONTESTANTS}.{name}"
    for path in one.set:
        if path.partition(".")[0] not in OF_A_TRIAL:
            raise StudyFileError(
                f"{where}.set.{path} is no setting of a trial; write a path in one of: {', '.join(OF_A_TRIAL)}"
            )
    with _naming(f"{where}.set."):
        together(one.set.items())
        plain = of_contestant(study, name)
    if not plain.objectives:
        raise StudyFileError(
            f"{where} trains nothing, and objectives are of training points; write one of validation, which is then "
            f"that of its projections"
        )
    _check_same_terms(study, plain, where)
    with _naming_search(where, own=[*one.search]):
        check_sizes(plain)
        check_metrics(plain)
        check_search(plain, tried)


def _check_same_terms(study: Study, plain: Study, where: str) -> None:
    """All have one problem, the same observations to learn from, and the same data to be judged by."""
    for what, own, common in (
        ("problem", _asked(plain.problem), _asked(study.problem)),
        ("data.train.file", plain.data.train.file, study.data.train.file),
        ("data.validation", plain.data.validation, study.data.validation),
        ("data.test", plain.data.test, study.data.test),
    ):
        if own != common:
            raise StudyFileError(f"{where}.set changes {what}, which contestants have in common; leave it as it is")


def _asked(problem: ProblemChoice) -> ProblemChoice:
    """A problem whatever it is scaled by in training, which its metrics are not, and wherever its unknowns begin."""
    return ProblemChoice(problem.name, options=problem.options)


@contextmanager
def _naming(where: str) -> Iterator[None]:
    try:
        yield
    except StudyFileError as error:
        raise StudyFileError(f"{where}{error}") from None


@contextmanager
def _naming_search(where: str, *, own: list[str]) -> Iterator[None]:
    """A contestant's own search is named as it stands in the file, and whatever else is wrong behind its name."""
    try:
        yield
    except StudyFileError as error:
        is_own = any(str(error).startswith(f"search.{path}") for path in own)
        raise StudyFileError(f"{where}.{error}" if is_own else f"{where}: {error}") from None
