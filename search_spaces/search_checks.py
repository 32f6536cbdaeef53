"""Whether a search can run: its conditions can hold, every trial it may draw is valid, the sampler suits it.

Trials are drawn at both ends of every range and at every choice, with the conditions fulfilled, so that a wrong
combination is refused before a study starts.
"""

from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, islice
from typing import Any, TypeVar

from cnn_core.solvers import seeks_data
from search_spaces.blocks import TAGS, write
from search_spaces.checks import Rehearsed, check_data, check_network, check_settings
from search_spaces.convert import is_possible
from search_spaces.counts import some
from search_spaces.errors import StudyFileError, UnknownKeyError, nearest, shown
from search_spaces.measured import PROJECTED
from search_spaces.overrides import applied, keys_of
from search_spaces.schema import OF_A_TRIAL, Choice, Distribution, Integer, Study, Value
from search_spaces.when import Values, assignments, ordered, setting

T = TypeVar("T")

UNCONDITIONAL = ("gp", "nsga2")
"""Samplers that model only what every trial has. A balanced choice is no condition: its values have a model each."""

MOST_COMBINATIONS = 500
"""At most this many combinations of names and conditions are tried, and of each of those at most so many others."""

MOST_TRIALS = 2000
"""So many trials are tried, at most, besides one for each value; of more, some that are evenly spread."""

MOST_DATA = 50
"""With so many different data, problems or precisions the problem's functions are run, at most."""


@dataclass
class Tried:
    """The networks and the data that checks have tried already, by what decides about them."""

    known: set[str]
    rehearsed: Rehearsed

    def check(self, trials: Sequence[Study]) -> None:
        """Try what is new in these."""
        checks = (_built, check_network), (_rehearsed, partial(check_data, rehearsed=self.rehearsed))
        for key, check in checks:
            different = {own: trial for trial in trials if (own := key(trial)) not in self.known}
            for trial in sorted(_spread([*different.values()], MOST_DATA), key=Rehearsed.key):
                check(trial)
            self.known |= different.keys()


def tried_in(study: Study, rehearsed: Rehearsed | None = None) -> Tried:
    """What the checks of a study's own settings have tried: its network, and its data."""
    return Tried({_built(study), _rehearsed(study)}, rehearsed or Rehearsed())


def check_search(study: Study, tried: Tried) -> None:
    """Raises StudyFileError where the search block, the sampler or the balance makes no sense.

    Networks and data that were `tried` are not tried again, and those that are tried here were then.
    """
    for path in study.search:
        _check_path(path)
        _check_conditions(study, path)
    ordered(study)
    _check_sampler(study)
    _check_balance(study)
    _check_first(study)
    bare = replace(study, search={}, tune=replace(study.tune, balance=None))
    trials = [_check_trial(study, bare, values) for values in _samples(study)]
    tried.check(trials)


def _check_path(path: str) -> None:
    first, dot, _ = path.partition(".")
    if first not in OF_A_TRIAL or not dot:
        raise StudyFileError(f"search.{path} is no setting of a trial; write a path in one of: {', '.join(OF_A_TRIAL)}")


def _check_conditions(study: Study, path: str) -> None:
    settings = write(study)
    for other, allowed in study.search[path].when.items():
        where = f"search.{path}.when.{other}"
        if other in study.search:
            for value in allowed:
                _check_possible(study, other, value, where)
            continue
        try:
            fixed = setting(settings, other)
        except KeyError:
            known = [*study.search, *_leaves(settings)]
            raise StudyFileError(f"{where} is neither searched nor set; {_near(other, known)}") from None
        if fixed not in allowed:
            raise StudyFileError(f"{where} never holds: {other} is {shown(fixed)}; search it, or remove this")


def _check_possible(study: Study, path: str, value: Any, where: str) -> None:
    distribution = study.search[path].distribution
    if is_possible(value, distribution):
        return
    match distribution:
        case Choice(values):
            hint = nearest(value, map(str, values))
        case range_:
            hint = f"write a number from {range_.low} to {range_.high}"
    raise StudyFileError(f"{where} is {shown(value)}, which the search never takes; {hint}")


def _check_sampler(study: Study) -> None:
    for path, parameter in study.search.items():
        if study.tune.sampler == "grid":
            _check_listed(path, parameter.distribution)
        if study.tune.sampler in UNCONDITIONAL and set(parameter.when) - {study.tune.balance}:
            raise StudyFileError(
                f"tune.sampler is {study.tune.sampler}, which draws search.{path} at random because of its `when`; "
                "write tpe, or balance the choice that the condition names"
            )


def _check_listed(path: str, distribution: Distribution) -> None:
    if not isinstance(distribution, Choice) and (not isinstance(distribution, Integer) or distribution.log):
        raise StudyFileError(
            f"search.{path}: a grid needs every value listed, got a range; write choice: [...] or int: [low, high]"
        )


def _check_balance(study: Study) -> None:
    path = study.tune.balance
    if path is None:
        return
    if path not in study.search:
        raise StudyFileError(f"tune.balance is {path!r}, which is not searched; {nearest(path, study.search)}")
    parameter = study.search[path]
    if not isinstance(parameter.distribution, Choice) or parameter.when:
        raise StudyFileError(f"tune.balance is {path!r}; write a searched choice without conditions")
    if study.tune.sampler == "grid":
        raise StudyFileError("tune.balance has no effect on a grid, which is balanced already; remove it")


def _check_first(study: Study) -> None:
    if study.tune.first and study.tune.sampler == "grid":
        raise StudyFileError("tune.first has no effect on a grid, which tries every point; remove it")
    for position, point in enumerate(study.tune.first):
        where = f"tune.first[{position}]"
        for path, value in point.items():
            if path not in study.search:
                raise StudyFileError(f"{where}.{path} is not searched; {_near(path, [*study.search])}")
            _check_possible(study, path, value, f"{where}.{path}")
            _check_active(study, path, point, f"{where}.{path}")
        if study.tune.balance is not None and study.tune.balance not in point:
            raise StudyFileError(f"{where}.{study.tune.balance} is missing, whose values are balanced; write it, too")
    for value, points, turns in _turns(study):
        if points > turns:
            which = "" if value is None else f" with {study.tune.balance}: {value}"
            raise StudyFileError(
                f"tune.first has {some(points, 'point')}{which}, too many for {some(turns, 'such trial')}; "
                "write more tune.trials, or fewer points"
            )


def _check_active(study: Study, path: str, point: Mapping[str, Value], where: str) -> None:
    for other, allowed in study.search[path].when.items():
        if other in point and point[other] not in allowed:
            names = ", ".join(map(str, allowed))
            raise StudyFileError(f"{where} is not asked for where {other} is {point[other]}, only where it is {names}")


def _turns(study: Study) -> Iterator[tuple[Value, int, int]]:
    """Per balanced value: it, how many points to try first have it, how many trials will; one row if none is."""
    path, first, trials = study.tune.balance, study.tune.first, study.tune.trials
    if path is None:
        yield None, len(first), trials
        return
    values = _ends(study, path)
    for index, value in enumerate(values):
        yield value, sum(point[path] == value for point in first), len(range(index, trials, len(values)))


def _samples(study: Study) -> list[Values]:
    """Trials at the ends: every combination of structural parameters, with each other parameter at each of its ends."""
    structural = {other for parameter in study.search.values() for other in parameter.when}
    structural |= {path for path in study.search if keys_of(path)[-1] in TAGS or None in _ends(study, path)}

    def candidates(path: str) -> Sequence[Any]:
        return _branching(study, path) if path in structural else _ends(study, path)[:1]

    bases = [*islice(assignments(study, candidates), MOST_COMBINATIONS)]
    once: list[Values] = []
    others: list[tuple[Values, str]] = []
    for path in (path for path in study.search if path not in structural):
        active = [values for values in bases if path in values]
        once += [values | {path: end} for values in active[:1] for end in _ends(study, path)[1:]]
        others += [(values, path) for values in active[1:]]
    counts = accumulate(len(_ends(study, path)) - 1 for _, path in others)
    return bases + once + [*_ends_of(study, others, counts)]


def _ends_of(study: Study, pairs: Sequence[tuple[Values, str]], counts: Iterable[int]) -> Iterator[Values]:
    """Each of these trials with the path at its other ends, or some that are evenly spread."""
    until = [*counts]
    for index in _spread(range(until[-1] if until else 0), MOST_TRIALS):
        place = bisect(until, index)
        values, path = pairs[place]
        yield values | {path: _ends(study, path)[index - until[place]]}  # from the last end backwards


def _spread(items: Sequence[T], most: int) -> Sequence[T]:
    """These, or `most` of them, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return items
    return [items[index * (len(items) - 1) // (most - 1)] for index in range(most)]


def _ends(study: Study, path: str) -> tuple[Any, ...]:
    match study.search[path].distribution:
        case Choice(values):
            return values
        case distribution:
            return distribution.low, distribution.high


def _branching(study: Study, path: str) -> tuple[Any, ...]:
    named = [value for parameter in study.search.values() for value in parameter.when.get(path, ())]
    return tuple(dict.fromkeys([*_ends(study, path), *named]))


def _rehearsed(study: Study) -> str:
    """What the check of the data depends on; many trials share it."""
    training, projection = study.training, study.projection
    projected = projection and (projection.points, getattr(projection, "solutions", "all"), seeks_data(projection))
    blocks = (getattr(training.method, "weights", {}), training.batch_size, training.resample, training.refine)
    named = [sorted(block) for block in blocks if isinstance(block, Mapping)]
    return repr((Rehearsed.key(study), training.roles, training.method.name, named, projected, study.trains))


def _built(study: Study) -> str:
    """What the check of the network depends on."""
    return repr((study.problem, study.network))


def _check_trial(study: Study, bare: Study, values: Values) -> Study:
    try:
        trial = applied(bare, values)
    except UnknownKeyError as error:
        raise StudyFileError(_unknown(study, bare, values, error)) from None
    except StudyFileError as error:
        raise StudyFileError(f"search.{error}{_given(values)}") from None
    asked = [f"objectives.{metric}" for metric in study.objectives] + [f"bounds.{metric}" for metric in study.bounds]
    projected = [name for name in asked if name.partition(".")[2].startswith(PROJECTED)]
    if projected and trial.projection is None:
        raise StudyFileError(
            f"{projected[0]} is not measured in a trial without projection{_given(values)}; "
            "write projection: {solver: adam}, or an objective without projected/"
        )
    check_settings(trial)
    return trial


def _unknown(study: Study, bare: Study, values: Values, error: UnknownKeyError) -> str:
    """A searched key that this combination does not have: misspelt, or in want of a condition."""
    path = error.path
    for tag in (f"{path.rpartition('.')[0]}.{key}" for key in TAGS):
        if path in values and tag in values:
            suitable = [name for name in _ends(study, tag) if _fits(bare, {tag: name, path: values[path]})]
            if suitable:
                names = ", ".join(map(str, suitable))
                return f"search.{path}: {values[tag]} has no such setting; write when: {{{tag}: [{names}]}}"
    return f"search.{error}"


def _fits(bare: Study, values: Mapping[str, Any]) -> bool:
    try:
        applied(bare, values)
    except UnknownKeyError:
        return False
    except StudyFileError:
        return True
    return True


def _given(values: Values) -> str:
    names = [f"{path}: {value or 'null'}" for path, value in values.items() if keys_of(path)[-1] in TAGS]
    return f" (with {', '.join(names)})" if names else ""


def _leaves(settings: Mapping[str, Any], prefix: str = "") -> list[str]:
    paths: list[str] = []
    for key, value in settings.items():
        paths += _leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]
    return paths


def _near(word: str, known: Sequence[str]) -> str:
    hint = nearest(word, known)
    return hint if "one of" not in hint else "write a path of the search block or of a setting"
