"""The JSON schema that editors use agrees with the loader on the shipped files and on common mistakes."""

from typing import Any

import jsonschema
import pytest
import yaml

from search_spaces.load import dump, json_schema, shipped_spaces
from tests.search_spaces.files import changed, shipped

SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", shipped_spaces())
def test_shipped_files_follow_it_as_written_and_as_dumped(name: str) -> None:
    VALIDATOR.validate(yaml.safe_load(shipped_spaces()[name].read_text(encoding="utf-8")))
    VALIDATOR.validate(dump(shipped(name)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("training.epohcs", 3),
        ("training.epochs", "3"),
        ("training.epochs", -1),
        ("training.method", {"name": "sfot"}),
        ("training.method", {"weight": 1.0}),
        ("training.method.weigth", 1.0),
        ("training.method.weight", "1e-3"),
        ("training.method.weight", {"start": 1.0, "end": 2.0, "epochs": 3.0}),
        ("projection", {"points": 3}),
        ("problem", {"scaled": True}),
        ("problem", {"name": "helmholz"}),
        ("data.train.points", 0),
        ("data.train.amplitude", 1.0),
        ("data.train.amplitude", {"linspace": [1.0, 2.0]}),
        ("search:training.epochs", {"int": [1.5, 2]}),
        ("search:training.epochs", {"log_uniform": [0.0, 2.0]}),
        ("search:training.epochs", {"int": [1, 2], "uniform": [1, 2]}),
        ("search:training.epochs", {"when": {}}),
        ("objectives", {"test/data_mse": "min"}),
        ("contestants", {"a b": {}}),
        ("contestants", {"a": {"sett": {}}}),
        ("contestants:a:search:training.epochs", {"int": [1.5, 2]}),
        ("tune.seconds", 0),
    ],
    ids=str,
)
def test_mistakes_do_not(path: str, value: Any) -> None:
    VALIDATOR.validate(changed({}))
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(changed({path: value}))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("problem", "helmholtz"),
        ("problem", {"name": "package.module:attribute", "anything": 3}),
        ("problem", {"name": "viscous-flow", "viscosity": 0.1}),
        ("data.train.amplitude", {"linspace": [1.0, 2.0, 3]}),
        ("training.method.weight", {"name": "linear", "start": 1.0, "end": 2.0, "epochs": 3.0}),
        (
            "search:training.method.weight",
            {"choice": {"linspace": [0.0, 1.0, 3]}, "when": {"training.method.name": "soft"}},
        ),
        ("search:network.widths", {"choice": [[4], [5, 5]]}),
        ("contestants", {"a.1": {"set": {"training.epochs": 3}, "search": {"training.seed": {"int": [0, 3]}}}}),
        ("tune.seconds", 60),
    ],
    ids=str,
)
def test_short_forms_do(path: str, value: Any) -> None:
    VALIDATOR.validate(changed({path: value}))
