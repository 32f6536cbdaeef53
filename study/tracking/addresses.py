"""How to look at what MLflow was told: addresses, and the server's process. Imports no mlflow."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from study.journal.files import REPORT
from study.report.page import PAGE
from study.tracking import views
from study.tracking.bookmark import Bookmark
from study.tracking.databases import artifact_location

SERVER_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 0.5 GB instead of 3 GB
    "PYTHONWARNINGS": "ignore",
}

LOCAL = "http://127.0.0.1:5000"
"""Where `cnn-study ui` shows a database."""

STUDY_PAGE = "the study"
TRAINING = {"workflowType": "machine_learning"}
"""The UI begins with pages about language models otherwise."""


def ui_process(tracking_uri: str, *, host: str = "127.0.0.1", port: int = 5000) -> tuple[list[str], dict[str, str]]:
    """The process that shows the results, and its environment beyond the usual one.

    For a database it is a server of one worker, for this machine only by default; for a server that runs, a browser.
    """
    python = [sys.executable, "-m"]
    if urlsplit(tracking_uri).scheme in ("http", "https"):
        return [*python, "webbrowser", tracking_uri], {}
    options = ["--backend-store-uri", tracking_uri, "--registry-store-uri", tracking_uri]
    options += ["--host", host, "--port", str(port), "--workers", "1", "--uvicorn-opts", "--log-level=warning"]
    if location := artifact_location(tracking_uri):
        options += ["--artifacts-destination", location]
    return [*python, "mlflow", "server", *options], SERVER_ENVIRONMENT


def links(experiment: str, study_run: str, *, name: str, best: Sequence[str], report: bool) -> dict[str, str]:
    """Title → address, relative to the UI's, of the pages about a study.

    `best` are runs to lay side by side; `report` says whether the study's run has one among its files.
    """
    runs = f"#/experiments/{experiment}/runs"
    trials = {"viewStateShareKey": views.key(name, views.TRIALS)}
    charts = {"viewStateShareKey": views.key(name, views.COMPARISON), "compareRunsMode": "CHART"}
    side_by_side = {"runs": json.dumps(list(best)), "experiments": json.dumps([experiment])}
    found = {
        STUDY_PAGE: f"{runs}/{study_run}?{urlencode(TRAINING)}",
        "all trials, best first": f"{runs}?{urlencode(trials | TRAINING)}",
        "charts of all methods": f"{runs}?{urlencode(charts | TRAINING)}",
    }
    if report:
        found["report"] = f"{runs}/{study_run}/artifacts/{REPORT}/{PAGE}?{urlencode(TRAINING)}"
    if len(best) > 1:
        found["best trial of every method"] = f"#/compare-runs?{urlencode(side_by_side | TRAINING, quote_via=quote)}"
    return found


def run_address(tracking_uri: str, experiment: str, run: str, *, server: str = LOCAL) -> str:
    """The address of a run's page, where `server` shows the runs of a database."""
    base = tracking_uri if tracking_uri.startswith("http") else server
    return f"{base.rstrip('/')}/#/experiments/{experiment}/runs/{run}?{urlencode(TRAINING)}"


def pages(directory: Path, tracking_uri: str, *, server: str = LOCAL) -> dict[str, str]:
    """Title → address of the pages about a study, where `server` shows them; empty before anything was uploaded."""
    base = tracking_uri if tracking_uri.startswith("http") else server
    return {title: f"{base.rstrip('/')}/{link}" for title, link in Bookmark.read(directory, tracking_uri).links.items()}
