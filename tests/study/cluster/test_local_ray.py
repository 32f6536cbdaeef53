"""A Ray of this machine's own: its token, its place, who reaches it, and what happens when it dies."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from study.cluster import cluster, local_ray
from study.cluster.local_ray import ClusterError
from tests.test_architecture import ROOT


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.setenv(name, "")  # so that what is set meanwhile goes with the test
        monkeypatch.delenv(name)
    return tmp_path


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_token_that_others_could_read_is_tightened(home: Path) -> None:
    token = home / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("0" * 64)
    token.chmod(0o644)
    local_ray.tighten_token()
    assert mode(token) == 0o600
    assert token.read_text() == "0" * 64


def test_a_new_token_is_for_its_owner_only(home: Path) -> None:
    local_ray.tighten_token()
    local_ray._make_token()
    token = home / ".ray" / "auth_token"
    assert (mode(token), mode(token.parent)) == (0o600, 0o700)
    first = token.read_text()
    local_ray._make_token()
    assert len(first) == 64 and token.read_text() == first


def test_a_users_own_token_is_taken(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = home / "mine"
    own.write_text("secret")
    own.chmod(0o640)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(own))
    local_ray.tighten_token()
    local_ray._make_token()
    assert mode(own) == 0o600
    assert not (home / ".ray").exists()


LISTENING = """
from study.cluster import cluster
import psutil  # the one that comes with Ray

with cluster.connection("local"):
    ours = psutil.Process()
    for process in [ours, *ours.children(recursive=True)]:
        for socket in process.net_connections(kind="inet"):
            if socket.status == psutil.CONN_LISTEN:
                print(socket.laddr.ip)
"""


@pytest.mark.ray
def test_a_local_ray_listens_on_this_machine_only() -> None:
    done = subprocess.run([sys.executable, "-c", LISTENING], cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) >= 4
    assert {address.removeprefix("::ffff:") for address in done.stdout.splitlines()} == {"127.0.0.1"}


@pytest.mark.parametrize("home", ["/nonexistent", "/proc", "", None], ids=str)
def test_without_a_home_a_token_is_inherited(home: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "HOME"):
        monkeypatch.setenv(name, home if name == "HOME" and home is not None else "")
        if name != "HOME" or home is None:
            monkeypatch.delenv(name)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path.replace("~", home or "/nonexistent"))
    local_ray.tighten_token()
    local_ray._make_token()
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
def test_rays_files_are_where_the_environment_says_as_long_as_sockets_fit(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv(name, "/scratch/42")
    assert local_ray._temporary_folder() == "/scratch/42/ray"
    monkeypatch.setenv(name, "/scratch/" + "long/" * 10)
    assert local_ray._temporary_folder() == "/tmp/ray"


def test_a_ray_that_cannot_start_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/dev/null")
    line = r"Ray cannot start on this machine \(.*/dev/null.*\); make room in /dev/null/ray, or set RAY_TMPDIR to"
    with pytest.raises(ClusterError, match=line) as caught, cluster.connection("local"):
        pass
    assert "\n" not in str(caught.value)


LOSES_ITS_SERVER = """
import time
from study.cluster import cluster
from ray._private import worker

with cluster.connection("local", resume="cnn-study resume mine"):
    [server] = worker._global_node.all_processes["gcs_server"]
    print(server.process.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.ray
def test_a_server_that_dies_ends_the_program_with_a_line() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LOSES_ITS_SERVER], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        os.kill(int(process.stdout.readline()), signal.SIGKILL)
        killed = time.monotonic()
        _, stderr = process.communicate(timeout=50)
    assert (process.returncode, time.monotonic() - killed < 20) == (1, True)
    assert stderr.splitlines() == [
        "error: Ray's gcs_server has died; all that trials reported is kept. Go on with: cnn-study resume mine"
    ]
