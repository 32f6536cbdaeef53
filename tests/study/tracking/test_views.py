"""The views that MLflow's menu offers of a study."""

import json
from typing import Any

from search_spaces.load import dump, resolve
from study.tracking.content import trial_parameters
from study.tracking.views import COMPARISON, TAG, TRIALS, key, views
from tests.study.tracked_study import SOFT, study

MEASURED = ("validation/data_mse", "validation/constraint_mse")


def state(view: str) -> dict[str, Any]:
    tag = views(study(), name="first", created=1000, measured=MEASURED)[f"{TAG}{key('first', view)}"]
    return json.loads(json.loads(tag)["state"])


def test_trials_are_sorted_by_the_first_objective() -> None:
    assert (state(TRIALS)["orderByKey"], state(TRIALS)["orderByAsc"]) == ("metrics.`validation/data_mse`", True)


def test_columns_are_parameters_that_trials_have() -> None:
    columns = [column for column in state(TRIALS)["selectedColumns"] if column.startswith("params.")]
    known = trial_parameters(dump(resolve(study(), SOFT | {"training.method.weight": 1.0})))
    assert "params.`training.method.weight`" in columns
    assert any(f"params.`{path}`" in columns for path in known)


def test_charts_show_completed_trials_of_this_study() -> None:
    assert state(COMPARISON)["searchFilter"] == "tags.study = 'first' and tags.status = 'completed'"
    assert len({chart["uuid"] for chart in state(COMPARISON)["compareRunCharts"]}) == len(
        state(COMPARISON)["compareRunCharts"]
    )


def test_parallel_coordinates_have_only_parameters_of_every_trial() -> None:
    (chart,) = [chart for chart in state(COMPARISON)["compareRunCharts"] if chart["type"] == "PARALLEL"]
    assert chart["selectedParams"] == ["training.method.name", "training.optimizer.learning_rate"]


def test_views_fit_into_an_experiments_tag() -> None:
    assert all(len(tag) < 20_000 for tag in views(study(), name="n" * 100, created=1000, measured=MEASURED).values())
