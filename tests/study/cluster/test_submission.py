import asyncio
import shlex
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.job_submission import JobStatus

from search_spaces.load import load_recorded
from search_spaces.schema import ProblemChoice
from study.cluster import submission
from study.cluster.cluster import ClusterError
from study.cluster.submission import Job, entrypoint, pack
from tests.study.small_study import small_study


def test_the_job_holds_the_study_our_packages_and_the_users_module(tmp_path: Path) -> None:
    study = small_study(problem=ProblemChoice("tests.study.own_problems:two_nodes_meet"))
    pack(study, tmp_path)
    own = tmp_path / "submitted"
    assert {path.name for path in tmp_path.iterdir()} == {"submitted", "cnn_core", "search_spaces", "study"}
    assert {path.name for path in own.iterdir()} == {"study.yaml", "tests"}
    assert load_recorded(own / "study.yaml") == study
    assert (tmp_path / "search_spaces" / "helmholtz-quick.yaml").exists()
    assert not list(tmp_path.rglob("__pycache__"))


def test_the_job_is_the_command_run_in_a_folder_that_stays(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$PWD" "$@"\n')
    python.chmod(0o755)
    (tmp_path / "submitted").mkdir()
    (tmp_path / "submitted" / "study.yaml").write_text("study: mine\n")
    command = entrypoint(
        "~/a folder", "mine-1", {"--name": "mine; rm -rf", "--hours": None, "--storage": "s3://bucket/x"}
    )
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path / "home")}
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    run = ["-m", "study", "run", "submitted/mine-1/study.yaml", "--address", "auto"]
    options = ["--name", "mine; rm -rf", "--storage", "s3://bucket/x"]
    place = tmp_path / "home" / "a folder"
    assert done.stdout.splitlines() == [str(place), *run, *options]
    assert (place / "submitted" / "mine-1" / "study.yaml").read_text() == "study: mine\n"


def test_a_folder_that_is_no_home_is_quoted() -> None:
    assert f"cd {shlex.quote('/data/a b')} &&" in entrypoint("/data/a b", "mine-1", {})


@pytest.mark.parametrize("address", ["auto", "10.0.0.1:6379", "ray://host:10001", "http://"])
def test_an_address_that_is_no_dashboards_is_refused(address: str) -> None:
    with pytest.raises(ClusterError, match=rf"--address is '{address}'; write that of the dashboard, http://HOST:8265"):
        Job(address, "mine")


def test_an_address_where_nobody_answers_is_refused() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(ClusterError, match=rf"--address {address}: no cluster is there \(Connection refused\); start"):
        Job(address, "mine")


class Cluster:
    """A cluster whose log grows, and whose connection breaks after every part of `parts`."""

    def __init__(self, *parts: str, status: JobStatus, code: int | None = None) -> None:
        self.parts, self.status, self.code, self.asked, self.sleeps = parts, status, code, 0, 0

    async def tail_job_logs(self, ident: str) -> AsyncIterator[str]:
        self.asked += 1
        for part in self.parts[: self.asked]:
            yield part
        if self.asked == self.sleeps:
            await asyncio.sleep(60.0)
        if self.asked < len(self.parts):
            raise RuntimeError("WebSocket connection closed unexpectedly")

    def get_job_status(self, ident: str) -> JobStatus:
        return self.status

    def get_job_info(self, ident: str) -> Any:
        return SimpleNamespace(driver_exit_code=self.code)


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (JobStatus.SUCCEEDED, 0, 0),
        (JobStatus.FAILED, 2, 2),
        (JobStatus.FAILED, None, 1),
        (JobStatus.FAILED, -9, 1),
        (JobStatus.STOPPED, None, 130),
    ],
)
def test_the_log_is_followed_across_lost_connections(
    status: JobStatus, code: int | None, exit_code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: Any = Cluster("one\n", "two\n", "three\n", status=status, code=code)
    monkeypatch.setattr(submission, "_client", lambda address: there)
    monkeypatch.setattr(submission, "SECONDS_TO_TRY_AGAIN", 0.0)
    said: list[str] = []
    assert Job("http://host:8265", "mine").follow(said.append) == exit_code
    lost = "the connection is lost (WebSocket connection closed unexpectedly); trying again\n"
    assert said == ["one\n", lost, "two\n", lost, "three\n"]


def test_a_connection_that_fell_asleep_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    there: Any = Cluster("one\n", "two\n", status=JobStatus.RUNNING)
    there.sleeps = 2
    statuses = iter([JobStatus.RUNNING, JobStatus.SUCCEEDED])
    monkeypatch.setattr(there, "get_job_status", lambda ident: next(statuses))
    monkeypatch.setattr(submission, "_client", lambda address: there)
    monkeypatch.setattr(submission, "SECONDS_TO_TRY_AGAIN", 0.0)
    monkeypatch.setattr(submission, "SECONDS_OF_SILENCE", 0.1)
    said: list[str] = []
    assert Job("http://host:8265", "mine").follow(said.append) == 0
    assert [text for text in said if "lost" not in text] == ["one\n", "two\n"]
