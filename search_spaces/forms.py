"""Where a study file is written more briefly than the types behind it: three short forms, each with its way back.

* split: parameters stand beside `points`; `{linspace: [low, high, count]}` is a range of values.
* problem: its options stand beside `name`; a text alone is the name. Those of a network of one's own do, too.
* searched parameter: `{log_uniform: [low, high], when: {path: value or [values]}}`; a choice may be a `linspace`, too.
"""

from collections.abc import Callable, Mapping
from typing import Any

from search_spaces.errors import StudyFileError, nearest, number_hint, shown
from search_spaces.schema import Choice, DataSplit, Integer, NetworkChoice, ProblemChoice, SearchedParameter, Uniform

MOST_VALUES = 10_000
"""Of all lists of a study file together; a `linspace` counts as many as it stands for."""

OF_A_SPLIT = ("points", "sampling", "file", "share", "order", "columns", "bootstrap")
"""The keys of a split; all others are parameters of the problem."""

DISTRIBUTIONS: Mapping[str, tuple[str, bool]] = {
    "uniform": ("uniform", False),
    "log_uniform": ("uniform", True),
    "int": ("integer", False),
    "log_int": ("integer", True),
    "choice": ("choice", False),
}
"""How a file calls each distribution → the type's name, and whether it is logarithmic."""


def expand_split(raw: Any, path: str) -> Any:
    if not isinstance(raw, dict):
        return raw
    own = {key: raw[key] for key in OF_A_SPLIT if key in raw}
    if not {"points", "file"} & set(own):
        raise StudyFileError(
            f"{path}.points is missing; write a whole number, or one for each region, e.g. {{interior: 900, "
            "boundary: 120}"
        )
    parameters = {key: _values(value, f"{path}.{key}") for key, value in raw.items() if key not in own}
    return own | {"parameters": parameters}


def condense_split(split: DataSplit) -> dict[str, Any]:
    parameters = {name: list(values) for name, values in split.parameters.items()}
    drawn = {"points": _plain(split.points), "sampling": _plain(split.sampling)}
    if split.file is None:
        return parameters | drawn
    from_file = {"file": split.file, "share": list(split.share), "order": split.order, "columns": dict(split.columns)}
    again = {} if split.bootstrap is None else {"bootstrap": split.bootstrap}
    return parameters | drawn | from_file | again


def expand_problem(raw: Any, path: str) -> Any:
    if isinstance(raw, str):
        return {"name": raw}
    if not isinstance(raw, dict):
        return raw
    own = {key: raw[key] for key in ("name", "scaled", "unknown") if key in raw}
    return own | {"options": {key: value for key, value in raw.items() if key not in own}}


def condense_problem(choice: ProblemChoice) -> dict[str, Any]:
    unknown = {name: vars(one) for name, one in choice.unknown.items()}
    return {"name": choice.name, "scaled": choice.scaled, **({"unknown": unknown} if unknown else {}), **choice.options}


def expand_network(raw: Any, path: str) -> Any:
    if not isinstance(raw, dict):
        return raw
    own = {key: raw[key] for key in ("name",) if key in raw}
    return own | {"options": {key: value for key, value in raw.items() if key not in own}}


def condense_network(choice: NetworkChoice) -> dict[str, Any]:
    return {"name": choice.name, **choice.options}


def expand_searched(raw: Any, path: str) -> Any:
    if not isinstance(raw, dict):
        return raw
    keys = [key for key in raw if key != "when"]
    if len(keys) != 1:
        found = " and ".join(keys) or "none"
        raise StudyFileError(f"{path} needs one distribution, got {found}; write e.g. {{log_uniform: [1.0e-4, 1.0]}}")
    kind = keys[0]
    if kind not in DISTRIBUTIONS:
        raise StudyFileError(f"{path}.{kind} is no distribution; {nearest(kind, DISTRIBUTIONS)}")
    name, log = DISTRIBUTIONS[kind]
    values = raw[kind]
    if name == "choice":
        distribution: dict[str, Any] = {"name": name, "values": _values(values, f"{path}.choice")}
    elif isinstance(values, list) and len(values) == 2:
        low, high = values
        distribution = {"name": name, "low": low, "high": high, "log": log}
    else:
        raise StudyFileError(f"{path}.{kind} is {shown(values)}; write {kind}: [low, high]")
    return {"distribution": distribution, "when": _conditions(raw.get("when"), path)}


def condense_searched(parameter: SearchedParameter) -> dict[str, Any]:
    match parameter.distribution:
        case Choice(values):
            short: dict[str, Any] = {"choice": [_listed(value) for value in values]}
        case Integer(low, high, log):
            short = {"log_int" if log else "int": [low, high]}
        case Uniform(low, high, log):
            short = {"log_uniform" if log else "uniform": [low, high]}
    when = {path: [_listed(value) for value in values] for path, values in parameter.when.items()}
    return short | ({"when": when} if when else {})


EXPAND: Mapping[type, Callable[[Any, str], Any]] = {
    DataSplit: expand_split,
    ProblemChoice: expand_problem,
    NetworkChoice: expand_network,
    SearchedParameter: expand_searched,
}
CONDENSE: Mapping[type, Callable[[Any], dict[str, Any]]] = {
    DataSplit: condense_split,
    ProblemChoice: condense_problem,
    NetworkChoice: condense_network,
    SearchedParameter: condense_searched,
}
INLINE: Mapping[type, str] = {
    DataSplit: "parameters",
    ProblemChoice: "options",
    NetworkChoice: "options",
    SearchedParameter: "distribution",
}
"""The field whose entries stand in the block itself, so that errors do not name it."""


def _values(raw: Any, path: str) -> Any:
    if not isinstance(raw, dict):
        return raw
    wrong = StudyFileError(f"{path} is {shown(raw)}; write a list of values or {{linspace: [low, high, count]}}")
    if list(raw) != ["linspace"] or not isinstance(raw["linspace"], list) or len(raw["linspace"]) != 3:
        raise wrong
    low, high, count = raw["linspace"]
    for position, number in enumerate(raw["linspace"]):
        if hint := number_hint(number):
            raise StudyFileError(f"{path}.linspace[{position}] is {shown(number)}; {hint}")
    if not (_is_number(low) and _is_number(high) and _is_number(count) and isinstance(count, int) and count >= 1):
        raise wrong
    if count > MOST_VALUES:
        raise StudyFileError(f"{path}.linspace[2] is {count}; write at most {MOST_VALUES} values")
    if count > 1 and low == high:
        raise StudyFileError(f"{path}.linspace is {count} times the same value; write [{low}], or another end")
    return [low + (high - low) * index / max(count - 1, 1) for index in range(count)]


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _conditions(raw: Any, path: str) -> dict[str, Any]:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise StudyFileError(f"{path}.when is {shown(raw)}; write when: {{path: value}}")
    return {key: value if isinstance(value, list) else [value] for key, value in raw.items()}
