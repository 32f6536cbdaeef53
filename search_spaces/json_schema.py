"""The JSON schema of study files, so that editors complete and check them as they are written.

pydantic derives it from the types; what files write more briefly (`search_spaces.forms`) is described here.
"""

from typing import Any

from pydantic import TypeAdapter

from cnn_core.domains import SAMPLINGS
from cnn_core.problems import PROBLEMS
from search_spaces.blocks import TAGS
from search_spaces.measured import AFTER_PROJECTION, EVERY_EPOCH
from search_spaces.schema import Study

NUMBER, WHOLE = {"type": "number"}, {"type": "integer"}


def json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a study file."""
    schema = TypeAdapter(Study).json_schema()
    for definition in schema["$defs"].values():
        if definition["title"] in SHORT_FORMS:
            title = definition["title"]
            definition.clear()
            definition.update(SHORT_FORMS[title] | {"title": title})
        elif tags := [key for key in TAGS if "const" in definition["properties"].get(key, {})]:
            definition["required"] = tags + definition.get("required", [])
    schema["properties"]["problem"] = {"anyOf": [{"type": "string"}, schema["properties"]["problem"]]}
    named = {"pattern": "^(train|validation|projected/validation)/.+_mse$", "description": "a residual or condition"}
    schema["properties"]["contestants"]["propertyNames"] = {"pattern": "^[A-Za-z][A-Za-z0-9._-]*$"}
    schema["properties"]["objectives"]["propertyNames"] = {
        "anyOf": [{"enum": [*EVERY_EPOCH, *AFTER_PROJECTION]}, named]
    }
    return schema


def _object(properties: dict[str, Any], others: Any = False, **rest: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": others, **rest}


def _list(items: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **rest}


def _pair(items: dict[str, Any]) -> dict[str, Any]:
    return _list(items, minItems=2, maxItems=2)


_LINSPACE = _object(
    {"linspace": _list(NUMBER, minItems=3, maxItems=3, description="[low, high, count]")}, required=["linspace"]
)

_DISTRIBUTIONS = {
    "uniform": _pair(NUMBER),
    "log_uniform": _pair(NUMBER | {"exclusiveMinimum": 0}),
    "int": _pair(WHOLE),
    "log_int": _pair(WHOLE | {"exclusiveMinimum": 0}),
    "choice": {"anyOf": [_list({}, minItems=1), _LINSPACE]},
}

_COUNT = WHOLE | {"minimum": 1}
_SAMPLING = {"enum": list(SAMPLINGS)}
_UNKNOWN = _object(
    {
        "start": NUMBER,
        "positive": {"type": "boolean", "default": False},
        "truth": {"anyOf": [NUMBER, {"type": "null"}]},
    },
    required=["start"],
)

SHORT_FORMS: dict[str, dict[str, Any]] = {
    "DataSplit": _object(
        {
            "points": {"anyOf": [_COUNT, _object({}, _COUNT)]},
            "sampling": {"anyOf": [_SAMPLING, _object({}, _SAMPLING)], "default": "random"},
            "file": {"type": "string", "description": "observations: .csv, .npz, .mat or .parquet, beside this file"},
            "share": _pair(NUMBER | {"minimum": 0, "maximum": 1}) | {"description": "of the file's rows"},
            "order": {"enum": ["random", "file"], "default": "random"},
            "columns": _object({}, {"type": "string"}, description="the file's name of a column: the problem's"),
            "bootstrap": {"enum": ["rows", "errors", None], "default": None, "description": "of training data alone"},
        },
        {"anyOf": [_list(NUMBER, minItems=1), _LINSPACE]},
        anyOf=[{"required": ["points"]}, {"required": ["file"]}],
        description="Each of the problem's parameters: a list, or {linspace: [low, high, count]}. Points per wave, by "
        "region where there are several.",
    ),
    "ProblemChoice": _object(
        {
            "name": {"anyOf": [{"enum": list(PROBLEMS)}, {"type": "string", "pattern": "^[^:]+:[^:]+$"}]},
            "scaled": {"type": "boolean", "default": True},
            "unknown": _object({}, _UNKNOWN, description="parameters that training finds"),
        },
        True,
        required=["name"],
        description="A problem's name, or package.module:attribute; its options stand beside it.",
    ),
    "NetworkChoice": _object(
        {"name": {"type": "string", "pattern": "^[^:]+:[^:]+$"}},
        True,
        required=["name"],
        description="A network of one's own, package.module:attribute; its options stand beside it.",
    ),
    "SearchedParameter": _object(
        _DISTRIBUTIONS | {"when": {"type": "object"}},
        oneOf=[{"required": [name]} for name in _DISTRIBUTIONS],
        description="A distribution, and the values of other settings under which it applies.",
    ),
}
