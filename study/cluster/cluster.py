"""Where trials run: Ray in this process, or a cluster by its address; and what must hold before a study starts there.

A cluster's nodes get the driver's own copy of these packages, and of the modules that a study file names (in
`problem.name` and `network.name`), so that all run the same code. Everything else must be installed there, as
`cluster.yaml` does it.
"""

import importlib
import os
import signal
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import ray
from ray._private import worker as ray_worker
from ray._private.state import state
from ray.air._internal import usage
from ray.exceptions import GetTimeoutError, RayError
from ray.train._internal import storage as ray_storage
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search_spaces.data_files import gather
from search_spaces.errors import reason
from search_spaces.modules import import_own
from search_spaces.schema import Data, Resources
from search_spaces.sources import own_sources
from study.cluster import local_ray, node_probe
from study.cluster.local_ray import SILENT, ClusterError

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1e9",  # nothing of Tune's own is read again
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a trial that fails at once reports no metrics
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_WARN_THRESHOLD_S": "1e9",
}
"""Ray and Tune say nothing; the study's own progress does."""

ON_NODES = {"RAY_CHDIR_TO_TRIAL_DIR": "0"}
PACKAGES: Sequence[str] = ("cnn_core", "search_spaces", "study")
SECONDS_FOR_A_NODE = 120.0
"""For importing torch from a slow disk, and for a node to get our packages."""

CLIENT = "ray://"
OTHERWISE = "start one (see cluster.yaml), or write --address local"

Nodes = Sequence[Mapping[str, Any]]


@contextmanager
def connection(
    address: str, *, own: Iterable[str] = (), data: Data | None = None, resume: str = "a resume"
) -> Iterator[None]:
    """Ray, connected to `address`: local, auto, HOST:PORT or ray://HOST:PORT. Raises ClusterError if nothing answers.

    The nodes get the user's modules behind the names `own`, and the files of `data`. A connection that exists already
    is used and left open. If a Ray of our own dies, the program ends, and says that it goes on with `resume`.
    """
    os.environ.update(QUIET | ON_NODES)
    ray_worker.print_to_stdstream = _say_nothing
    usage.tag_callbacks = _count_nothing
    if ray.is_initialized():
        yield
        return
    local_ray.tighten_token()
    with _signals_as_before():
        if address == "local":
            local_ray.start()
        else:
            _connect(address, own, data)
    try:
        with local_ray.watched(resume) if address == "local" else nullcontext():
            yield
    finally:
        ray.shutdown()


@contextmanager
def _signals_as_before() -> Iterator[None]:
    """Around Ray's start, which would have SIGTERM end this program in a way of its own."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _say_nothing(data: Any, ignore_prefix: bool) -> None:
    """Instead of Ray's long words about lost processes; the recorder says what becomes of their trials."""


def _count_nothing(callbacks: Any) -> bool:
    """Instead of Ray's statistics on the use of its own callbacks, for which it imports MLflow: two seconds."""
    return False


def _connect(address: str, own: Iterable[str], data: Data | None) -> None:
    _require_answer(address)
    if address.startswith(CLIENT):
        _give_drafts_a_place()
    try:
        with warnings.catch_warnings(action="ignore"), tempfile.TemporaryDirectory(prefix="cnn-study-") as folder:
            files = None if data is None else gather(data, Path(folder))
            sent = [*modules(*own), *([] if files is None else [str(files)])]
            runtime_env = {"py_modules": sent, "env_vars": ON_NODES, "excludes": ["**/__pycache__"]}
            ray.init(address, runtime_env=runtime_env, **SILENT)
    except (ConnectionError, RuntimeError) as error:
        raise ClusterError(_refused(address, error)) from None


def _give_drafts_a_place() -> None:
    """Tune's loop runs in the driver, where as a Ray client there is no session folder for its unsaved state."""
    drafts = tempfile.TemporaryDirectory(prefix="cnn-study-")
    ray_storage._get_ray_train_session_dir = lambda: drafts.name  # pyright: ignore[reportPrivateImportUsage]


def modules(*names: str) -> list[str]:
    """The folders and files that the nodes need a copy of: our packages, the user's modules behind these names, and
    what those import from the same folder.
    """
    places = [_place(importlib.import_module(name)) for name in PACKAGES]
    for name in names:
        if ":" in name:
            module = _place(import_own(name.partition(":")[0].partition(".")[0]))
            beside = {Path(path).parts[0] for path in own_sources(name)}
            places += [module, *(module.parent / top for top in sorted(beside))]
    return list(dict.fromkeys(map(str, places)))


def _place(module: ModuleType) -> Path:
    return Path(module.__path__[0] if hasattr(module, "__path__") else str(module.__file__))


def capacity(resources: Resources, nodes: Nodes, *, may_grow_to: Mapping[str, float] | None = None) -> int:
    """How many trials the nodes hold at once, or could once an autoscaler has reached its limits `may_grow_to`.

    Raises ClusterError if that is none.
    """
    wanted = {"CPU": resources.cpu} | ({"GPU": resources.gpu} if resources.gpu > 0 else {})
    held = sum(_held(wanted, node["Resources"]) for node in nodes)
    held = max(held, _held(wanted, may_grow_to or {}))
    if held == 0:
        there = {_size(node["Resources"]) for node in nodes}
        raise ClusterError(
            f"resources: a trial asks for {_size(wanted)}, but the nodes have {' or '.join(sorted(there))}; "
            "write less, e.g. --set resources.cpu=1 --set resources.gpu=0"
        )
    return held


def _held(wanted: Mapping[str, float], there: Mapping[str, float]) -> int:
    return min(int(there.get(name, 0) / amount + 1e-9) for name, amount in wanted.items())


def _size(resources: Mapping[str, float]) -> str:
    return f"{resources.get('CPU', 0):g} CPU and {resources.get('GPU', 0):g} GPU"


def live_nodes() -> list[dict[str, Any]]:
    """The nodes of the cluster that Ray is connected to."""
    return [node for node in ray.nodes() if node["Alive"]]


def autoscaler_limits() -> Mapping[str, float] | None:
    """The most of every resource that the cluster may grow to; None where it does not grow."""
    try:
        return state.get_max_resources_from_cluster_config()  # Ray has no public name for it
    except Exception:  # a Ray client cannot ask
        return None


@dataclass(frozen=True)
class Answer:
    """What a node, by its address, answered; or the error, one line, for which it could not."""

    node: str
    value: Any = None
    error: str = ""


def on_every_node(
    function: Callable[..., Any], *arguments: Any, nodes: Nodes, own: Sequence[Any] | None = None
) -> list[Answer]:
    """What `function` returns on each of the nodes, or why it does not; `own` is one more argument for each of them."""
    task = ray.remote(num_cpus=0, max_retries=0)(function)
    pinned = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in nodes]
    more = [()] * len(nodes) if own is None else [(argument,) for argument in own]
    asked = [
        task.options(scheduling_strategy=node).remote(*arguments, *its) for node, its in zip(pinned, more, strict=True)
    ]
    ray.wait(asked, num_returns=len(asked), timeout=SECONDS_FOR_A_NODE)
    return [_answer(node["NodeManagerAddress"], reference) for node, reference in zip(nodes, asked, strict=True)]


def _answer(node: str, reference: ray.ObjectRef) -> Answer:
    try:
        return Answer(node, ray.get(reference, timeout=0))
    except GetTimeoutError:
        return Answer(node, error=f"does not answer within {SECONDS_FOR_A_NODE:.0f} s")
    except RayError as error:
        last = str(error).strip().rpartition("\n")[2].strip()  # of a traceback
        return Answer(node, error=f"cannot run our code ({last or type(error).__name__})")


def _require_answer(address: str) -> None:
    """Ray itself would wait for many minutes."""
    place = address.removeprefix(CLIENT)
    if place == "auto":
        return
    host, _, port = place.rpartition(":")
    if not host or not port.isdigit():
        raise ClusterError(f"--address is {address!r}; write local, auto, HOST:PORT or ray://HOST:PORT")
    if why := node_probe.reach(host, int(port)):
        raise ClusterError(f"--address {address}: no cluster is there ({why}); {OTHERWISE}")


def _refused(address: str, error: Exception) -> str:
    if address == "auto":
        return f"--address auto: no Ray runs on this machine; {OTHERWISE}"
    return f"--address {address}: {reason(error)}; if that cluster asks for a token, set RAY_AUTH_MODE=token"
