"""What must hold before a study starts: every node runs the same versions as this program, sees the storage, and some
node can hold a trial. Whatever does not hold is said at once, one line each.

The tracking server is asked after, too, but the study can do without it: only the driver talks to it, and what it
cannot upload waits in the journal.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from urllib.parse import urlsplit
from uuid import uuid4

from ray.util.client import ray as client

from search_spaces.schema import Study
from search_spaces.sources import own_names
from study.cluster import cluster, node_probe
from study.cluster.cluster import ClusterError, Nodes

PACKAGES: Mapping[str, str] = {name: name for name in ("torch", "ray", "numpy", "optuna", "pydantic", "pyarrow")} | {
    "PyYAML": "yaml"
}
"""Distribution → module of what a trial's process needs besides our own packages."""

PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433, "databricks": 443}
INSTALL = "install there what constraints.txt names"
SHARED = "write --storage with a folder that all nodes share, or a URI such as s3://bucket/folder"


@dataclass(frozen=True)
class Preflight:
    """How many trials the nodes hold at once; what forbids the study, and what it only has to know: one line each."""

    slots: int
    failures: Sequence[str]
    warnings: Sequence[str]


def require(study: Study, *, storage: str, tracking_uri: str | None = None, local: bool) -> Preflight:
    """The preflight of a study that may start where Ray is connected to. Raises ClusterError, a line per failure.

    Where nodes came or went meanwhile, failures may be those of a node that is no more: it looks again.
    """
    while True:
        before = _idents()
        found = inspect(study, storage=storage, tracking_uri=tracking_uri, local=local)
        if not found.failures:
            return found
        if _idents() == before:
            raise ClusterError("\n".join(found.failures))


def _idents() -> set[str]:
    return {node["NodeID"] for node in cluster.live_nodes()}


def inspect(study: Study, *, storage: str, tracking_uri: str | None = None, local: bool) -> Preflight:
    """Look at all nodes that are there now; `local`: the only one is this machine, and runs this very installation."""
    nodes = cluster.live_nodes()
    failures: list[str] = []
    try:
        slots = cluster.capacity(study.resources, nodes, may_grow_to=cluster.autoscaler_limits())
    except ClusterError as error:
        slots, failures = 0, [str(error)]
    shared = not local and (len(nodes) > 1 or client.is_connected())
    if not local:
        failures += check_versions(nodes, own=own_names(study))
    failures += check_storage(storage, nodes if shared else [])
    return Preflight(slots, failures, check_tracking(tracking_uri, [] if local else nodes))


def check_versions(nodes: Nodes, *, own: Iterable[str] = ()) -> list[str]:
    """Every node can import what a trial needs, in the versions of this program, and the modules behind the
    names `own`.
    """
    ours = {distribution: _public(version(distribution)) for distribution in PACKAGES}
    modules = list(dict.fromkeys(name.partition(":")[0] for name in own))
    complaints: list[tuple[str, str]] = []
    for answer in cluster.on_every_node(node_probe.versions, PACKAGES, modules, nodes=nodes):
        if answer.error:
            complaints.append((answer.node, answer.error))
            continue
        for name, (found, error) in answer.value.items():
            if error:
                remedy = "mend it, or install what it imports" if name in modules else INSTALL
                complaints.append((answer.node, f"{name} cannot be imported ({error}); {remedy}"))
            elif name in ours and _public(found) != ours[name]:
                complaints.append((answer.node, f"{name} is {found} there and {ours[name]} here; {INSTALL}"))
    return _lines(complaints, total=len(nodes))


def check_storage(storage: str, nodes: Nodes) -> list[str]:
    """This program can write `storage`; what it writes there the nodes can read, and what they write it can read."""
    token = uuid4().hex
    names = [f".preflight-{token}-{index}" for index in range(len(nodes) + 1)]
    try:
        if reason := node_probe.write(storage, names[0]):
            return [f"--storage {storage}: cannot be written ({reason}); choose another folder"]
        return _check_nodes_storage(storage, nodes, names) if nodes else []
    finally:
        node_probe.remove(storage, names)


def _check_nodes_storage(storage: str, nodes: Nodes, names: Sequence[str]) -> list[str]:
    writing = cluster.on_every_node(node_probe.write, storage, nodes=nodes, own=names[1:])
    unwritten = [(answer.node, answer.error or answer.value) for answer in writing if answer.error or answer.value]
    read = cluster.on_every_node(node_probe.sees, storage, names[:1], nodes=nodes)
    here = node_probe.sees(storage, names[1:])
    blind = [
        answer.node
        for answer, wrote, seen in zip(read, writing, here, strict=True)
        if not (answer.error or wrote.error or wrote.value) and not (answer.value[0] and seen)
    ]
    lines = _lines([(node, f"{storage} cannot be written ({why}); {SHARED}") for node, why in unwritten], len(nodes))
    if blind:
        lines.append(
            f"{storage}: {len(blind)} of {len(nodes)} nodes do not see this folder ({_few(blind)}), so trials there "
            f"could not be saved; {SHARED}"
        )
    return lines


def check_tracking(tracking_uri: str | None, nodes: Nodes) -> list[str]:
    """The tracking server, where there is one, is reached from here and from the nodes."""
    address = _server(tracking_uri)
    if address is None:
        return []
    host, port = address
    if reason := node_probe.reach(host, port):
        return [
            f"MLflow at {host}:{port} does not answer ({reason}); the study runs all the same, and what it has to "
            "upload waits in its journal"
        ]
    answers = cluster.on_every_node(node_probe.reach, host, port, nodes=nodes)
    far = [(answer.node, answer.error or answer.value) for answer in answers if answer.error or answer.value]
    harmless = f"does not reach MLflow at {host}:{port} ({{}}), which is no harm: only this program uploads"
    return _lines([(node, harmless.format(why)) for node, why in far], len(nodes))


def _server(tracking_uri: str | None) -> tuple[str, int] | None:
    parts = urlsplit(tracking_uri or "")
    scheme = parts.scheme.partition("+")[0]
    return (parts.hostname, parts.port or PORTS[scheme]) if parts.hostname and scheme in PORTS else None


def _lines(complaints: Iterable[tuple[str, str]], total: int) -> list[str]:
    """One line for each complaint, however many nodes have it."""
    nodes: defaultdict[str, list[str]] = defaultdict(list)
    for node, complaint in complaints:
        nodes[complaint].append(node)
    return [
        f"node {few[0]}: {complaint}" if len(few) == 1 else f"{len(few)} of {total} nodes ({_few(few)}): {complaint}"
        for complaint, few in nodes.items()
    ]


def _few(nodes: Sequence[str], most: int = 3) -> str:
    return ", ".join(nodes[:most]) + (f" and {len(nodes) - most} more" if len(nodes) > most else "")


def _public(version: str) -> str:
    """2.13.0 of 2.13.0+cu130: the same release, built for another machine."""
    return version.partition("+")[0]
