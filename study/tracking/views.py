"""Saved views of MLflow's run table: which trials, columns and charts its menu "Views" offers for a study.

MLflow keeps a view as a tag of the experiment, in a format of its user interface (3.17) that is not documented. A later
version that reads another one ignores the tag; nothing else depends on it.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

from search_spaces.contestants import CONTESTANT, Asked, plain_studies, searched
from search_spaces.schema import Study
from study.analysis.measured import UNKNOWN, unknowns_in
from study.analysis.variants import CONSTRAINT, DATA, PROJECTED
from study.tracking.names import fit

TAG = "mlflow.sharedViewState."
"""Prefix of the experiment tags that hold views."""

TRIALS, COMPARISON = "trials", "comparison"
"""The views of a study: a table of all its trials, best first, and charts of the completed ones."""

METRICS = (
    DATA, CONSTRAINT, f"projected/{DATA}", f"projected/{CONSTRAINT}", "test/data_mse", "test/constraint_mse",
    "projected/test/data_mse", "projected/test/constraint_mse", "time/train_s",
)  # fmt: skip
"""Columns of the table, in this order, as far as they are measured."""

CURVES = (DATA, CONSTRAINT)
BARS = ("test/data_mse", "test/constraint_mse", "projected/test/data_mse", "projected/test/constraint_mse")
FIXED_COLUMNS = ("0", "attributes.`Run Name`", "runDateAndNestInfo")
WIDTH = 150
EVERYTHING = {"startTime": "ALL", "lifecycleFilter": "Active", "datasetsFilter": [], "modelVersionFilter": "All Runs"}


def views(study: Study, measured: Collection[str], *, name: str, created: int) -> dict[str, str]:
    """The experiment tags of a study's views, with what its trials have `measured` and what it selects by.

    `created` is in milliseconds since 1970.
    """
    known = list(dict.fromkeys((*study.objectives, *measured)))
    titles = {
        TRIALS: (f"{name}: all trials, best first", _trials(study, known, name)),
        COMPARISON: (f"{name}: methods compared", _comparison(study, known, name)),
    }
    return {
        f"{TAG}{key(name, view)}": _view(title, EVERYTHING | _order(study) | state, created)
        for view, (title, state) in titles.items()
    }


def key(name: str, view: str) -> str:
    """A view's key in addresses."""
    return f"{name}-{view}"


def _trials(study: Study, known: Collection[str], name: str) -> dict[str, Any]:
    own = [CONTESTANT] if study.contestants else []
    paths = own + [path for path in searched(study) if path != "training.method.name"]
    shown = dict.fromkeys([metric for metric in (*Asked(study).names, *METRICS) if metric in known] + _unknowns(known))
    metrics, settings = [f"metrics.`{metric}`" for metric in shown], [f"params.`{fit(path)}`" for path in paths]
    columns = ["tags.`status`", *metrics, *settings]
    return {
        "searchFilter": f"tags.study = '{name}' and tags.method != ''",
        "selectedColumns": columns,
        "columnOrder": [*FIXED_COLUMNS, *columns],
        "columnWidths": dict.fromkeys(columns, WIDTH) | {"attributes.`Run Name`": 200, "tags.`status`": 90},
    }


def _unknowns(known: Collection[str]) -> list[str]:
    kinds = [f"{UNKNOWN}{name}" for name in unknowns_in(known)]
    return [f"{whose}{kind}" for kind in kinds for whose in ("", PROJECTED) if f"{whose}{kind}" in known]


def _comparison(study: Study, known: Collection[str], name: str) -> dict[str, Any]:
    return {
        "searchFilter": f"tags.study = '{name}' and tags.status = 'completed'",
        "runsHiddenMode": "SHOW_ALL",
        "compareRunSections": [{"uuid": "all", "name": "Methods compared", "display": True, "isReordered": True}],
        "compareRunCharts": _charts(study, known),
        "isAccordionReordered": True,
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
    }


def _order(study: Study) -> dict[str, Any]:
    objective, mode = next(iter(study.objectives.items()), (DATA, "min"))
    return {"orderByKey": f"metrics.`{objective}`", "orderByAsc": mode == "min"}


def _view(title: str, state: Mapping[str, Any], created: int) -> str:
    return json.dumps({"name": title, "createdAt": created, "updatedAt": created, "state": json.dumps(state)})


def _common(study: Study) -> list[str]:
    """What every trial of a study has among its values."""
    plain = [*plain_studies(study).values()]
    always = [{path for path, parameter in one.search.items() if not parameter.when} for one in plain]
    own = [CONTESTANT] if study.contestants else []
    return own + [path for path in plain[0].search if all(path in paths for paths in always)]


def _charts(study: Study, known: Collection[str]) -> list[dict[str, Any]]:
    axes = {"xaxis": {"key": DATA, "type": "METRIC"}, "yaxis": {"key": CONSTRAINT, "type": "METRIC"}}
    curves = [metric for metric in CURVES if metric in known]
    # A trial without one of the parameters would be left out.
    common = [fit(path) for path in _common(study)]
    charts = [
        *([{"type": "SCATTER", **axes}] if len(curves) > 1 else []),
        *({"type": "LINE", "metricKey": metric, "scaleType": "log", "lineSmoothness": 0} for metric in curves),
        *({"type": "LINE", "metricKey": metric, "lineSmoothness": 0} for metric in _unknowns(known)),
        {"type": "PARALLEL", "selectedParams": common, "selectedMetrics": curves},
        *({"type": "BAR", "metricKey": metric} for metric in BARS if metric in known),
    ]
    return [
        {"uuid": f"chart-{index}", "metricSectionId": "all", "isGenerated": False, "deleted": False} | chart
        for index, chart in enumerate(charts)
    ]
