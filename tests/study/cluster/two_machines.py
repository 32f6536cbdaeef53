"""Two machines in one: two network namespaces, joined by a cable that can be pulled, and a Ray node in each of them.

The head has one CPU and no GPU, the worker four CPUs and one (logical) GPU. Whatever starts here runs in a process
group of its own, which `Machines` ends; `ray stop` would end every Ray of this machine.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
HEAD, WORKER, PORT, DASHBOARD = "10.77.0.1", "10.77.0.2", 6379, 8265

IMPATIENT = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}
"""A node that does not answer counts as lost after seconds."""


def why_not() -> str | None:
    """Why this machine cannot be two; None if it can."""
    if shutil.which("ip") is None:
        return "network namespaces need the command `ip` (iproute2)"
    name = f"cnn-{secrets.token_hex(3)}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"network namespaces cannot be made here ({tried.stderr.strip()})"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return None


class Machines:
    """Head and worker, and the folder `folder` that both see; what the head has in `hidden` the worker does not see."""

    def __init__(self, folder: Path, *, hidden: Path | None = None) -> None:
        unique = secrets.token_hex(3)
        self.head, self.worker = f"cnn-{unique}-a", f"cnn-{unique}-b"
        self.cables = f"cnn{unique}a", f"cnn{unique}b"
        self.folder, self.hidden = folder, hidden
        self.temporary = Path(f"/tmp/cnn-{self.head[-8:]}")  # short: it holds sockets
        self.started: list[subprocess.Popen[bytes]] = []
        token = folder / "token"
        token.write_text(secrets.token_hex(32))
        token.chmod(0o600)
        self.environment = os.environ | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(folder),
            **IMPATIENT,
        }

    def join(self) -> None:
        """Make both namespaces, and the cable between them."""
        (cable_a, cable_b) = self.cables
        for command in (
            f"netns add {self.head}",
            f"netns add {self.worker}",
            f"link add {cable_a} netns {self.head} type veth peer name {cable_b} netns {self.worker}",
            *self._commands(self.head, cable_a, HEAD),
            *self._commands(self.worker, cable_b, WORKER),
        ):
            subprocess.run(["ip", *command.split()], check=True)

    def _commands(self, name: str, cable: str, address: str) -> list[str]:
        return [
            f"-n {name} addr add {address}/24 dev {cable}",
            f"-n {name} link set lo up",
            f"-n {name} link set {cable} up",
        ]

    def pull_cable(self) -> None:
        """From now on neither machine hears of the other."""
        subprocess.run(["ip", "-n", self.head, "link", "set", self.cables[0], "down"], check=True)

    def plug_cable(self) -> None:
        """They hear of each other again."""
        subprocess.run(["ip", "-n", self.head, "link", "set", self.cables[0], "up"], check=True)

    def start_ray(self) -> None:
        """A head, and a worker that is started again whenever it ends, as a service manager would do it."""
        memory = "--object-store-memory=100000000"
        self._start(
            self.head,
            f"ray start --head --num-cpus=1 --num-gpus=0 --node-ip-address={HEAD} --port={PORT} "
            f"--dashboard-host={HEAD} --dashboard-port={DASHBOARD} --temp-dir={self.temporary} {memory} --block",
        )
        self.wait_for(f"ray status --address={HEAD}:{PORT}")
        node = (
            f"ray start --address={HEAD}:{PORT} --node-ip-address={WORKER} --num-cpus=4 --num-gpus=1 {memory} --block"
        )
        hide = "true" if self.hidden is None else f"mount -t tmpfs none {self.hidden}"  # `ip` has unshared the mounts
        self._start(self.worker, f"{hide} && while true; do {node}; sleep 2; done")
        self.wait_for(f"ray status --address={HEAD}:{PORT} | grep -q /1.0.GPU")

    def wait_for(self, command: str, seconds: float = 90.0) -> None:
        """Until a shell command on the head succeeds."""
        until = time.monotonic() + seconds
        while self.run(self.head, command).returncode:
            if time.monotonic() > until:
                raise TimeoutError(f"{command}\n{self.log()}")
            time.sleep(1)

    def run(self, where: str, command: str) -> subprocess.CompletedProcess[str]:
        """A shell command on one of the machines, to its end."""
        inside = ["ip", "netns", "exec", where, "sh", "-c", command]
        return subprocess.run(
            inside, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=250, check=False
        )

    @contextmanager
    def running(self, where: str, command: str) -> Iterator[subprocess.Popen[str]]:
        """A shell command on one of the machines, while others run; ended at the latest when this ends."""
        with subprocess.Popen(
            ["ip", "netns", "exec", where, "sh", "-c", f"exec {command}"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def forget_jobs(self) -> None:
        """Remove the files of the jobs that have ended, as a new start of the cluster does."""
        for files in self.temporary.glob("session_2*/runtime_resources/working_dir_files"):
            shutil.rmtree(files)

    def log(self) -> str:
        """What the Ray nodes said."""
        return (self.folder / "ray.log").read_text(encoding="utf-8")

    def _start(self, where: str, command: str) -> None:
        with (self.folder / "ray.log").open("ab") as log:
            inside = ["ip", "netns", "exec", where, "sh", "-c", command]
            self.started.append(
                subprocess.Popen(
                    inside, cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True
                )
            )

    def end(self) -> None:
        """End what was started here, and take the namespaces away: every process that is left in them ends, too."""
        for process in reversed(self.started):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for name in (self.worker, self.head):
            pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False)
            for pid in map(int, pids.stdout.split()):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        for process in self.started:
            process.wait(timeout=30)
        shutil.rmtree(self.temporary, ignore_errors=True)


@contextmanager
def two_machines(folder: Path, *, hidden: Path | None = None) -> Iterator[Machines]:
    """Both machines, with Ray running on them; nothing of them is left at the end."""
    machines = Machines(folder, hidden=hidden)
    try:
        machines.join()
        machines.start_ray()
        yield machines
    finally:
        machines.end()


def arguments(settings: Mapping[str, object]) -> str:
    """Settings as options of the command line."""
    return " ".join(f"--set '{path}={value}'" for path, value in settings.items())
