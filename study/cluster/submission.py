"""A study as a Ray job: the code and the study file travel to the cluster's head node, and the study runs there.

The job is the command `cnn-study run`, in the folder `directory` of the head node, so that its results outlive the job:
there `cnn-study status`, `report` and `resume` find them, and in `submitted/` what the study file names. This side only
follows its log; closing it changes nothing.
"""

import asyncio
import logging
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ray._private.authentication import authentication_token_setup as authentication
from ray.job_submission import JobStatus, JobSubmissionClient

from search_spaces.data_files import gather
from search_spaces.errors import reason
from search_spaces.load import dump_yaml
from search_spaces.schema import Study
from search_spaces.sources import own_names
from study.cluster import cluster, local_ray, node_probe
from study.cluster.cluster import ClusterError

STUDY = "study.yaml"
SUBMITTED = "submitted"
SECONDS_TO_TRY_AGAIN = 5.0
SECONDS_OF_SILENCE = 60.0
"""A study says something more often than this: the connection may have been lost while this machine slept."""

ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "RAY_USAGE_STATS_ENABLED": "0", "MLFLOW_DISABLE_TELEMETRY": "true"}
FAILED, STOPPED = 1, 130
TALKATIVE = (
    "ray.dashboard.modules.dashboard_sdk",
    "ray.dashboard.modules.job.sdk",
    "ray._private.runtime_env.packaging",
)


class Job:
    """A study on the cluster whose dashboard is at `address`, http://HOST:PORT."""

    def __init__(self, address: str, ident: str) -> None:
        self.address, self.ident = address, ident
        self.said = 0
        self.client = _client(address)

    @staticmethod
    def submit(study: Study, *, address: str, directory: str, options: Mapping[str, str | None]) -> "Job":
        """Start `study` there. `directory` is a folder of the head node, `options` those of `cnn-study run`.

        Raises ClusterError, one line, if nobody is there or the job is refused.
        """
        job = Job(address, f"{study.study}-{time.strftime('%Y%m%d-%H%M%S')}")
        with tempfile.TemporaryDirectory() as folder:
            pack(study, Path(folder))
            environment: Any = {"working_dir": folder, "env_vars": ENVIRONMENT}
            command = entrypoint(directory, job.ident, options)
            try:
                job.client.submit_job(entrypoint=command, submission_id=job.ident, runtime_env=environment)
            except (RuntimeError, ConnectionError) as error:
                raise ClusterError(f"--address {address}: {reason(error)}") from None
        return job

    def follow(self, say: Callable[[str], None]) -> int:
        """Hand the log to `say` until the study has ended, across lost connections; returns its exit code."""
        while True:
            try:
                asyncio.run(self._follow(say))
                status = self.client.get_job_status(self.ident)
            except Exception as error:  # whatever a connection ends with
                say(f"the connection is lost ({reason(error)}); trying again\n")
                time.sleep(SECONDS_TO_TRY_AGAIN)
                continue
            if status.is_terminal():
                return self._exit_code(status)

    async def _follow(self, say: Callable[[str], None]) -> None:
        """The log comes from its beginning each time; only what is new is said. Ends when nothing more comes."""
        position = 0
        log = self.client.tail_job_logs(self.ident)
        with suppress(StopAsyncIteration, TimeoutError):
            while True:
                text = await asyncio.wait_for(anext(log), SECONDS_OF_SILENCE)
                position += len(text)
                if position > self.said:
                    new, self.said = position - self.said, position
                    say(text[-new:])

    def _exit_code(self, status: JobStatus) -> int:
        if status is JobStatus.SUCCEEDED:
            return 0
        if status is JobStatus.STOPPED:
            return STOPPED
        code = self.client.get_job_info(self.ident).driver_exit_code
        return code if code and code > 0 else FAILED


def pack(study: Study, folder: Path) -> None:
    """Put into `folder` what the job needs: our packages, and in a folder of their own the study file, its data files
    and its own modules.
    """
    own = folder / SUBMITTED
    own.mkdir()
    (own / STUDY).write_text(dump_yaml(study), encoding="utf-8")
    gather(study.data, own)
    packages = cluster.modules()
    for source in map(Path, cluster.modules(*own_names(study))):
        target = folder if str(source) in packages else own
        if source.is_dir():
            shutil.copytree(source, target / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def entrypoint(directory: str, ident: str, options: Mapping[str, str | None]) -> str:
    """The job's shell command, which all can read who see the cluster's dashboard.

    The job's own folder goes with the cluster; what the study file names stays where a resume finds it.
    """
    words: Sequence[str] = [word for name, value in options.items() if value for word in (name, value)]
    place = f'"$HOME"/{shlex.quote(directory[2:])}' if directory.startswith("~/") else shlex.quote(directory)
    kept = shlex.quote(f"{SUBMITTED}/{ident}")
    keep = f'mkdir -p {place}/{kept} && cp -R "$PWD/{SUBMITTED}/." {place}/{kept}'
    run = f"exec python -m study run {kept}/{STUDY} --address auto {shlex.join(words)}"
    return f"{keep} && cd {place} && {run}".strip()


def _client(address: str) -> JobSubmissionClient:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ClusterError(f"--address is {address!r}; write that of the dashboard, http://HOST:8265")
    if why := node_probe.reach(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)):
        raise ClusterError(
            f"--address {address}: no cluster is there ({why}); start one (see cluster.yaml), or forward its port "
            "with: ray dashboard cluster.yaml"
        )
    local_ray.tighten_token()
    for name in (authentication.__name__, *TALKATIVE):
        logging.getLogger(name).setLevel(logging.ERROR)
    authentication.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)  # as ray.init does by itself
    try:
        return JobSubmissionClient(address)
    except Exception as error:  # whatever answers there
        raise ClusterError(f"--address {address}: {reason(error)}") from None
