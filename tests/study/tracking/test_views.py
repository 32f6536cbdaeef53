"""The views that MLflow's menu offers of a study."""

import json
from collections.abc import Sequence
from typing import Any

from cnn_core.solvers import LeastSquaresSolver
from search_spaces.load import dump, resolve
from search_spaces.schema import Contestant
from study.analysis.variants import CONSTRAINT, DATA
from study.tracking.content import trial_parameters
from study.tracking.views import COMPARISON, TAG, TRIALS, key, views
from tests.study.competing import SOFT as WEIGHTED
from tests.study.competing import competing
from tests.study.tracked_study import SOFT, study

MEASURED = (
    DATA, CONSTRAINT, "test/data_mse", "test/constraint_mse", "projected/validation/data_mse", "time/train_s",
)  # fmt: skip


def state(view: str, measured: Sequence[str] = MEASURED) -> dict[str, Any]:
    tag = views(study(), measured, name="first", created=1000)[f"{TAG}{key('first', view)}"]
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
    assert all(len(tag) < 20_000 for tag in views(study(), MEASURED, name="n" * 100, created=1000).values())


def test_columns_and_charts_are_of_what_is_measured() -> None:
    measured = ("test/constraint_mse", "unknown/rate", "unknown/rate_error")
    columns = state(TRIALS, measured)["selectedColumns"]
    assert "metrics.`test/constraint_mse`" in columns and "metrics.`unknown/rate`" in columns
    assert "metrics.`test/data_mse`" not in columns
    charts = state(COMPARISON, measured)["compareRunCharts"]
    assert [chart["metricKey"] for chart in charts if chart["type"] == "BAR"] == ["test/constraint_mse"]
    assert "unknown/rate" in [chart["metricKey"] for chart in charts if chart["type"] == "LINE"]


def test_what_is_asked_of_projections_is_a_column_where_a_contestant_trains_nothing() -> None:
    rmse = "validation/constraint_rmse"
    solved = Contestant({"training.epochs": 0})
    contestants = {"heavy": WEIGHTED, "solved": solved}
    asked = competing(contestants=contestants, objectives={rmse: "min"}, projection=LeastSquaresSolver())
    tag = views(asked, [f"projected/{rmse}", DATA], name="first", created=1000)[f"{TAG}{key('first', TRIALS)}"]
    columns = json.loads(json.loads(tag)["state"])["selectedColumns"]
    assert [column for column in columns if column.startswith("metrics.")] == [
        f"metrics.`{name}`" for name in (rmse, f"projected/{rmse}", DATA)
    ]


def test_contestants_are_columns_and_what_all_of_them_search_is_compared() -> None:
    tags = views(competing(), MEASURED, name="first", created=1000)
    shown = {view: json.loads(json.loads(tags[f"{TAG}{key('first', view)}"])["state"]) for view in (TRIALS, COMPARISON)}
    columns = shown[TRIALS]["selectedColumns"]
    assert [column for column in columns if column.startswith("params.")] == [
        "params.`contestant`", "params.`training.optimizer.learning_rate`", "params.`training.method.weight`",
    ]  # fmt: skip
    (chart,) = [chart for chart in shown[COMPARISON]["compareRunCharts"] if chart["type"] == "PARALLEL"]
    assert chart["selectedParams"] == ["contestant", "training.optimizer.learning_rate"]
