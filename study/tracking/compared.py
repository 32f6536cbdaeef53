"""A comparison in MLflow: which run is behind each of its figures, and its page as files of a run of its own."""

import time
from functools import cache
from pathlib import Path

from search_spaces.errors import reason
from study.tracking.addresses import run_address
from study.tracking.bookmark import Bookmark
from study.tracking.store import Store

COMPARISON = "comparison"
"""The tag of a comparison's run, which has its name."""


class ComparedRuns:
    """The runs of the studies of a comparison, in `runs`, as far as they were uploaded to this MLflow.

    `failed` is why MLflow was asked for nothing more, empty as long as it answers.
    """

    def __init__(self, tracking_uri: str, runs: Path) -> None:
        self.store, self.runs = Store(tracking_uri), runs
        self.of = cache(self._of)
        self.experiments: dict[str, str] = {}
        self.failed = ""

    def __call__(self, study: str, trial: str) -> str | None:
        """The run of a study's trial."""
        return self.of(study).get(trial)

    def address(self, run: str) -> str | None:
        """The address of a run's page in the user interface."""
        experiment = self.experiments.get(run)
        return None if experiment is None else run_address(self.store.tracking_uri, experiment, run)

    def keep(self, name: str, page: Path, began: float) -> str | None:
        """Upload the folder of a comparison's page to its run, which is made if need be; a sentence if that failed."""
        try:
            if not self.failed:
                self._keep(name, page, began)
        except Exception as error:  # whatever it is, the page is on the disk
            self.failed = reason(error)
        if not self.failed:
            return None
        again = f"cnn-study report {name}"
        return f"MLflow at {self.store.tracking_uri} lacks the page of {name} ({self.failed}); upload it with: {again}"

    def _keep(self, name: str, page: Path, began: float) -> None:
        experiment = self.store.experiment(name)
        found = self.store.find_runs(experiment, tag=COMPARISON, text=name)
        run = next(iter(found), None) or self.store.create(
            experiment, name, round(1000 * began), {COMPARISON: name, "mlflow.source.name": "cnn-study"}
        )
        self.store.file(run, page.parent)
        self.store.end(run, "FINISHED", round(1000 * time.time()))

    def _of(self, study: str) -> dict[str, str]:
        bookmark = Bookmark.read(self.runs / study, self.store.tracking_uri)
        if self.failed or not bookmark.study_run:
            return {}
        try:
            children = self.store.find_runs(bookmark.experiment, tag="mlflow.parentRunId", text=bookmark.study_run)
        except Exception as error:  # the page has no links then
            self.failed = reason(error)
            return {}
        self.experiments.update(dict.fromkeys(children, bookmark.experiment))
        return {tags["trial"]: run for run, tags in children.items() if "trial" in tags}
