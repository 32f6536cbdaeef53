"""Studies with the services that teams use: MLflow on PostgreSQL, files on S3. `make test-services` runs these.

PostgreSQL is the system's own (`apt-get install postgresql`), in a database of its own that is gone afterwards; S3 is
moto's server. Everything listens on 127.0.0.1. Passwords come from the environment and must be found nowhere else.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from mlflow import MlflowClient

from study.tracking.addresses import SERVER_ENVIRONMENT
from study.trial import trial_folder
from study.trial.trial import Trial
from tests.study import tracked_study
from tests.study.small_study import small_study

pytestmark = [pytest.mark.services, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

PASSWORD, SECRET = "pass-7f3a9c", "secret-51be04"
BUCKET = "studies"


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


def wait_for(address: str) -> None:
    until = time.monotonic() + 90
    while True:
        try:
            urlopen(address, timeout=5).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """Credentials, as the user would set them: in the environment alone."""
    credentials = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": SECRET, "PGPASSWORD": PASSWORD}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in credentials.items():
            patch.setenv(name, value)
        yield credentials


@pytest.fixture(scope="module")
def s3(environment: dict[str, str]) -> Iterator[str]:
    """The address of an S3 server with an empty bucket."""
    address = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", address.rpartition(":")[2]]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(address)
        import boto3  # pyright: ignore[reportMissingImports]

        boto3.client("s3", endpoint_url=address, region_name="us-east-1").create_bucket(Bucket=BUCKET)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", address)
            patch.setenv("MLFLOW_S3_ENDPOINT_URL", address)
            patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            yield address
        process.terminate()


@pytest.fixture(scope="module")
def postgres(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI, without its password, of an empty database of a PostgreSQL server of our own."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not binaries:
        pytest.fail("PostgreSQL is not installed; write apt-get install postgresql")
    folder, port = Path(f"/tmp/cnn-study-postgres-{os.getpid()}"), free_port()
    own = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder.mkdir()
    (folder / "password").write_text(PASSWORD, encoding="utf-8")
    if own:
        for path in (folder, folder / "password"):
            shutil.chown(path, "postgres")
    data = str(folder / "data")
    login = ["--username=me", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}"]
    subprocess.run([*own, str(binaries[-1] / "initdb"), "-D", data, *login], check=True, capture_output=True)
    settings = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}", "-p", str(port)]
    server = [*own, str(binaries[-1] / "postgres"), "-D", data, *settings]
    with subprocess.Popen(server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        create = ["createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "me", "mlflow"]
        until = time.monotonic() + 60
        while subprocess.run(create, capture_output=True, check=False).returncode != 0:
            assert time.monotonic() < until, "PostgreSQL does not answer"
            time.sleep(0.2)
        yield f"postgresql://me@127.0.0.1:{port}/mlflow"
        process.send_signal(signal.SIGTERM)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def mlflow_server(postgres: str, s3: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`mlflow server` as docs/cluster.md sets it up: figures in PostgreSQL, files on S3."""
    port = free_port()
    options = ["--backend-store-uri", postgres, "--artifacts-destination", f"s3://{BUCKET}/mlflow", "--workers", "1"]
    command = [sys.executable, "-m", "mlflow", "server", *options, "--host", "127.0.0.1", "--port", str(port)]
    log = tmp_path_factory.mktemp("server") / "log"
    with log.open("wb") as file:
        environment = {**os.environ, **SERVER_ENVIRONMENT}
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file, start_new_session=True)
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def sync(folder: Path, tracking_uri: str) -> subprocess.CompletedProcess[str]:
    """`cnn-study sync`, in the folder that holds runs/."""
    command = [sys.executable, "-m", "study", "sync", "first", "--tracking-uri", tracking_uri]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    options = {"cwd": folder, "env": environment, "timeout": 280}
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def holds_no_secret(folder: Path, *texts: str) -> bool:
    """Neither what was printed nor any file of the study has a password in it."""
    files = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return not any(word in "".join(texts) or word.encode() in files for word in (PASSWORD, SECRET))


def check_runs(tracking_uri: str) -> None:
    client = MlflowClient(tracking_uri)
    [experiment] = [found for found in client.search_experiments() if found.name == "waves"]
    runs = client.search_runs([experiment.experiment_id])
    assert len({run.info.run_name for run in runs}) == len(runs) == 7
    assert not [run for run in runs if run.info.status == "RUNNING"]
    soft = next(run for run in runs if run.info.run_name == "0001 soft")
    history = client.get_metric_history(soft.info.run_id, "validation/data_mse")
    assert sorted(point.step for point in history) == [1, 2, 3]
    assert "prediction.png" in {item.path for item in client.list_artifacts(soft.info.run_id)}
    assert not [name for run in runs for name, text in run.data.params.items() if PASSWORD in text or SECRET in text]


def test_a_study_reaches_a_server_on_postgresql_and_s3(mlflow_server: str, s3: str, tmp_path: Path) -> None:
    tracked_study.fill(tmp_path / "runs" / "first")
    first, again = sync(tmp_path, mlflow_server), sync(tmp_path, mlflow_server)
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert again.stdout.startswith("0 events")
    check_runs(mlflow_server)
    import boto3  # pyright: ignore[reportMissingImports]

    listed = boto3.client("s3", endpoint_url=s3).list_objects_v2(Bucket=BUCKET, Prefix="mlflow/")
    assert any(item["Key"].endswith("prediction.png") for item in listed["Contents"])
    assert holds_no_secret(tmp_path, first.stdout, first.stderr)


def test_trials_leave_their_files_on_s3_and_go_on_from_there(s3: str, tmp_path: Path) -> None:
    study, folder = small_study(epochs=3), f"s3://{BUCKET}/study/trials/0000"
    trial = Trial(study)
    for _ in range(2):
        trial.step()
        trial_folder.save(trial, folder)
    resumed, unusable = trial_folder.begin(study, folder)
    assert (resumed.epoch, unusable) == (2, [])
    resumed.step()
    resumed.finish()
    trial_folder.save(resumed, folder)
    trial_folder.fetch(folder, tmp_path / "here")
    names = {path.name for path in (tmp_path / "here").iterdir()}
    assert names == {"checkpoint.pt", "trial.yaml", "predictions.npz", "percentiles.csv"}
