"""Points to try first, and bounds on what is measured: what is refused, and what a fixed setting leaves of them."""

from pathlib import Path
from typing import Any

import pytest

from search_spaces.load import dump_yaml, load_text
from tests.search_spaces.files import error_of, load

METHOD, WEIGHT, GAIN = (f"training.method.{name}" for name in ("name", "weight", "gain"))
SEARCH: dict[str, Any] = {
    f"search:{METHOD}": {"choice": ["soft", "batch"]},
    f"search:{WEIGHT}": {"log_uniform": [0.1, 10.0], "when": {METHOD: "soft"}},
    f"search:{GAIN}": {"uniform": [0.5, 2.0], "when": {METHOD: "batch"}},
    "search:network.widths": {"choice": [[4], [4, 4]]},
    "tune.trials": 4,
}
FIRST = [{METHOD: "soft", WEIGHT: 2.0, "network.widths": [4, 4]}, {METHOD: "batch"}]


def test_points_are_read_and_written_as_they_were(tmp_path: Path) -> None:
    study = load(tmp_path, SEARCH | {"tune.first": FIRST})
    assert study.tune.first == ({METHOD: "soft", WEIGHT: 2.0, "network.widths": (4, 4)}, {METHOD: "batch"})
    assert load_text(dump_yaml(study)) == study


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": (
        {"tune.first": [{"training.method.wait": 1.0}]},
        "tune.first[0].training.method.wait is not searched; write training.method.weight",
    ),
    "too large": (
        {"tune.first": [{}, {WEIGHT: 11.0}]},
        f"tune.first[1].{WEIGHT} is 11.0, which the search never takes; write a number from 0.1 to 10.0",
    ),
    "no choice": (
        {"tune.first": [{METHOD: "sofd"}]},
        f"tune.first[0].{METHOD} is the text 'sofd', which the search never takes; write soft",
    ),
    "never asked for": (
        {"tune.first": [{METHOD: "batch", WEIGHT: 1.0}]},
        f"tune.first[0].{WEIGHT} is not asked for where {METHOD} is batch, only where it is soft",
    ),
    "unbalanced": (
        {"tune.first": [{WEIGHT: 1.0}], "tune.balance": METHOD},
        f"tune.first[0].{METHOD} is missing, whose values are balanced; write it, too",
    ),
    "too many": (
        {"tune.first": [{}] * 5},
        "tune.first has 5 points, too many for 4 such trials; write more tune.trials, or fewer points",
    ),
    "too many of a balanced value": (
        {"tune.first": [{METHOD: "soft"}] * 3, "tune.balance": METHOD},
        f"tune.first has 3 points with {METHOD}: soft, too many for 2 such trials; write more tune.trials, or",
    ),
    "no block": ({"tune.first": [1.0]}, "tune.first[0] is 1.0; write a block of `key: value` lines"),
    "unknown bound": (
        {"bounds": {"validation/data_ms": 1.0}},
        "bounds.validation/data_ms is not measured on training or validation data; write validation/data_mse",
    ),
    "test bound": (
        {"bounds": {"test/data_mse": 1.0}},
        "bounds.test/data_mse is a test metric, and hyperparameters are selected on validation data; write validation/",
    ),
    "bound on what is not measured": (
        {"bounds": {"projected/validation/data_mse": 1.0}},
        "bounds.projected/validation/data_mse is not measured in a trial without projection",
    ),
    "bound is no number": (
        {"bounds": {"validation/data_mse": "low"}},
        "bounds.validation/data_mse is the text 'low'; write a number",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused(name: str, tmp_path: Path) -> None:
    changes, message = REFUSED[name]
    assert error_of(tmp_path, SEARCH | changes).startswith(message)


def test_a_grid_has_no_points_to_try_first(tmp_path: Path) -> None:
    changes = {f"search:{METHOD}": {"choice": ["soft", "batch"]}, "tune.sampler": "grid", "tune.first": [{}]}
    assert error_of(tmp_path, changes) == "tune.first has no effect on a grid, which tries every point; remove it"


def test_points_that_agree_with_a_fixed_setting_are_kept_without_it(tmp_path: Path) -> None:
    study = load(tmp_path, SEARCH | {"tune.first": FIRST}, {METHOD: "soft"})
    assert study.tune.first == ({WEIGHT: 2.0, "network.widths": (4, 4)},)
