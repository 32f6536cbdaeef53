"""Where MLflow's data lie, the command that shows them, and what its server answers."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest
from mlflow.entities import Run

from study.tracking.addresses import pages, ui_process
from study.tracking.databases import default_uri
from study.tracking.uploader import sync
from tests.study import tracked_study


def test_the_command_listens_on_this_machine_only_with_one_worker() -> None:
    words, environment = ui_process("sqlite:////data base/mlflow.db", port=5001)
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert words[words.index("--host") + 1] == "127.0.0.1"
    assert words[words.index("--port") + 1] == "5001"
    assert words[words.index("--workers") + 1] == "1"
    assert words[words.index("--backend-store-uri") + 1] == "sqlite:////data base/mlflow.db"


def test_a_server_that_runs_already_is_opened_in_a_browser() -> None:
    assert ui_process("http://host:5000") == ([sys.executable, "-m", "webbrowser", "http://host:5000"], {})


@pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow")
def test_addresses_lead_to_the_pages_of_the_study(uploaded: Path, uploaded_to: str, by_name: dict[str, Run]) -> None:
    found = pages(uploaded, uploaded_to, server="http://127.0.0.1:7777")
    assert all(address.startswith("http://127.0.0.1:7777/#/") for address in found.values())
    best = found["best trial of every method"]
    assert all(by_name[name].info.run_id in best for name in ("0001 soft", "0002 batch"))
    assert pages(uploaded, "http://elsewhere:5000") == {}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study that was uploaded to a database in a folder with an awkward name."""
    directory = tmp_path_factory.mktemp("runs of 100% #1") / "first"
    tracked_study.fill(directory)
    sync(directory, default_uri(directory.parent))
    return directory


@pytest.fixture(scope="module")
def server(directory: Path) -> Iterator[str]:
    """The address of the server that `ui_process` starts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command, environment = ui_process(default_uri(directory.parent), port=port)
    with (directory.parent / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, env=os.environ | environment, stdout=log, stderr=log, start_new_session=True, cwd=directory
        )
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while not answers(f"{address}/health") and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.2)
        assert answers(f"{address}/health"), (directory.parent / "server.log").read_text()
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=5) as answer:
            return answer.status == 200
    except (URLError, TimeoutError, ConnectionError):
        return False


def ask(address: str, content: dict[str, Any] | None = None) -> Any:
    data = None if content is None else json.dumps(content).encode()
    with urlopen(Request(address, data, {"Content-Type": "application/json"}), timeout=30) as answer:
        return json.load(answer)


def search(server: str, condition: str) -> list[dict[str, Any]]:
    content = {"experiment_ids": ["1"], "filter": condition, "order_by": ["metrics.`validation/data_mse` ASC"]}
    return ask(f"{server}/ajax-api/2.0/mlflow/runs/search", content)["runs"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow")
class TestServer:
    """What a person does in the UI, by the requests that it makes."""

    def test_the_page_is_served(self, server: str) -> None:
        with urlopen(server, timeout=30) as answer:
            assert b"MLflow" in answer.read()

    def test_trials_of_several_methods_best_first(self, server: str) -> None:
        found = search(server, "tags.study = 'first' and tags.status = 'completed'")
        assert [run["info"]["run_name"] for run in found] == ["0001 soft", "0002 batch"]

    def test_a_method_within_an_error(self, server: str) -> None:
        found = search(server, "tags.method = 'soft' and metrics.`validation/data_mse` < 0.1")
        assert [run["info"]["run_name"] for run in found] == ["0001 soft"]

    def test_a_curve(self, server: str) -> None:
        (run,) = search(server, "tags.trial = '0001'")
        address = f"{server}/ajax-api/2.0/mlflow/metrics/get-history?run_id={run['info']['run_id']}"
        history = ask(f"{address}&metric_key=validation/data_mse")["metrics"]
        assert sorted(point["step"] for point in history) == [1, 2, 3]

    def test_a_plot(self, server: str) -> None:
        (run,) = search(server, "tags.trial = '0001'")
        with urlopen(f"{server}/get-artifact?path=prediction.png&run_id={run['info']['run_id']}", timeout=30) as answer:
            assert answer.read().startswith(b"\x89PNG")

    def test_addresses_name_what_is_there(self, server: str, directory: Path) -> None:
        found = pages(directory, default_uri(directory.parent), server=server)
        experiment = ask(f"{server}/ajax-api/2.0/mlflow/experiments/get?experiment_id=1")["experiment"]
        views = {tag["key"] for tag in experiment["tags"]}
        for title in ("all trials, best first", "charts of all methods"):
            (view,) = parse_qs(urlsplit(urlsplit(found[title]).fragment).query)["viewStateShareKey"]
            assert f"mlflow.sharedViewState.{view}" in views
        (runs,) = parse_qs(urlsplit(urlsplit(found["best trial of every method"]).fragment).query)["runs"]
        assert {
            ask(f"{server}/ajax-api/2.0/mlflow/runs/get?run_id={run}")["run"]["info"]["run_name"]
            for run in json.loads(runs)
        } == {
            "0001 soft",
            "0002 batch",
        }

    def test_a_study_can_be_uploaded_to_a_server(self, server: str, directory: Path) -> None:
        assert sync(directory, server) == 25
        assert len(search(server, "tags.study = 'first'")) == 7
