import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from search_spaces.schema import ProblemChoice, Resources
from study.cluster import cluster, node_probe, preflight
from study.cluster.cluster import Answer, ClusterError
from study.cluster.node_probe import Found
from study.cluster.preflight import PACKAGES
from tests.study.small_study import small_study

NODES: Sequence[Any] = [
    {"NodeID": address, "NodeManagerAddress": address, "Resources": {"CPU": 2.0}}
    for address in ("10.0.0.1", "10.0.0.2")
]

OURS = {name: Found(version(name)) for name in PACKAGES}


@pytest.fixture(autouse=True)
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[tuple[str, str], Any]]:
    """Two nodes that are this process; (address, name of the function) → what one of them answers instead."""
    instead: dict[tuple[str, str], Any] = {}

    def ask(function: Callable[..., Any], *arguments: Any, nodes: Any, own: Any = None) -> list[Answer]:
        answers = []
        for index, node in enumerate(nodes):
            address = node["NodeManagerAddress"]
            more = () if own is None else (own[index],)
            other = instead.get((address, function.__name__))
            value = function(*arguments, *more) if other is None else other
            answers.append(value if isinstance(value, Answer) else Answer(address, value))
        return answers

    monkeypatch.setattr(cluster, "on_every_node", ask)
    monkeypatch.setattr(cluster, "live_nodes", lambda: NODES)
    monkeypatch.setattr(cluster, "autoscaler_limits", lambda: None)
    yield instead


def found(storage: Path | str, *, tracking_uri: str | None = None, **changes: Any) -> preflight.Preflight:
    return preflight.inspect(small_study(**changes), storage=str(storage), tracking_uri=tracking_uri, local=False)


def test_a_cluster_that_is_ready_passes(tmp_path: Path) -> None:
    assert found(tmp_path / "new" / "folder") == preflight.Preflight(slots=4, failures=[], warnings=[])
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_every_failure_is_one_line(tmp_path: Path, nodes: dict[tuple[str, str], Any]) -> None:
    nodes["10.0.0.2", "versions"] = OURS | {"torch": Found("2.12.1+cu130"), "PyYAML": Found(error="ImportError: no")}
    nodes["10.0.0.2", "sees"] = [False]
    with pytest.raises(ClusterError) as error:
        study = small_study(resources=Resources(cpu=1, gpu=0.5))
        preflight.require(study, storage=str(tmp_path), local=False)
    ours = OURS["torch"].version.partition("+")[0]
    assert str(error.value).splitlines() == [
        "resources: a trial asks for 1 CPU and 0.5 GPU, but the nodes have 2 CPU and 0 GPU; "
        "write less, e.g. --set resources.cpu=1 --set resources.gpu=0",
        f"node 10.0.0.2: torch is 2.12.1+cu130 there and {ours} here; install there what constraints.txt names",
        "node 10.0.0.2: PyYAML cannot be imported (ImportError: no); install there what constraints.txt names",
        f"{tmp_path}: 1 of 2 nodes do not see this folder (10.0.0.2), so trials there could not be saved; "
        "write --storage with a folder that all nodes share, or a URI such as s3://bucket/folder",
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_failure_of_many_nodes_is_one_line(tmp_path: Path, nodes: dict[tuple[str, str], Any]) -> None:
    for address in ("10.0.0.1", "10.0.0.2"):
        nodes[address, "versions"] = OURS | {"ray": Found("1.0")}
    [line] = found(tmp_path).failures
    assert line.startswith(
        f"2 of 2 nodes (10.0.0.1, 10.0.0.2): ray is 1.0 there and {OURS['ray'].version} here; install"
    )


def test_a_build_for_another_machine_is_the_same_version(tmp_path: Path, nodes: dict[tuple[str, str], Any]) -> None:
    nodes["10.0.0.2", "versions"] = OURS | {"torch": Found(OURS["torch"].version.partition("+")[0] + "+cu130")}
    assert found(tmp_path).failures == []


def test_a_node_that_does_not_answer_is_named(tmp_path: Path, nodes: dict[tuple[str, str], Any]) -> None:
    nodes["10.0.0.2", "versions"] = Answer("10.0.0.2", error="does not answer within 120 s")
    assert found(tmp_path).failures == ["node 10.0.0.2: does not answer within 120 s"]


def test_the_module_of_the_problem_is_imported_on_every_node(tmp_path: Path, nodes: dict[tuple[str, str], Any]) -> None:
    lacking = "ModuleNotFoundError: No module named 'h5py'"
    nodes["10.0.0.2", "versions"] = OURS | {"tests.study.own_problems": Found(error=lacking)}
    problem = ProblemChoice("tests.study.own_problems:two_nodes_meet")
    assert found(tmp_path, problem=problem).failures == [
        f"node 10.0.0.2: tests.study.own_problems cannot be imported ({lacking}); mend it, or install what it imports"
    ]


def test_a_folder_that_a_node_cannot_write_is_refused(tmp_path: Path, nodes: dict[tuple[str, str], Any]) -> None:
    nodes["10.0.0.1", "write"] = "Permission denied"
    [line] = found(tmp_path).failures
    assert line.startswith(f"node 10.0.0.1: {tmp_path} cannot be written (Permission denied); write --storage with a")


def test_a_folder_that_cannot_be_written_here_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert found(tmp_path / "file" / "runs").failures == [
        f"--storage {tmp_path}/file/runs: cannot be written (Not a directory); choose another folder"
    ]


def test_a_uri_of_no_known_kind_is_refused() -> None:
    [line] = found("ftp://host/folder").failures
    assert line.startswith("--storage ftp://host/folder: cannot be written (Unrecognized filesystem type in URI")


def test_a_tracking_server_that_is_down_is_told_but_forbids_nothing(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    ready = found(tmp_path, tracking_uri=f"http://user:secret@127.0.0.1:{port}")
    assert ready.failures == []
    assert ready.warnings == [
        f"MLflow at 127.0.0.1:{port} does not answer (Connection refused); the study runs all the same, "
        "and what it has to upload waits in its journal"
    ]


def test_a_node_that_does_not_reach_the_tracking_server_is_told(
    tmp_path: Path, nodes: dict[tuple[str, str], Any]
) -> None:
    nodes["10.0.0.2", "reach"] = "no answer"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert found(tmp_path, tracking_uri=f"http://127.0.0.1:{port}").warnings == [
            f"node 10.0.0.2: does not reach MLflow at 127.0.0.1:{port} (no answer), "
            "which is no harm: only this program uploads"
        ]


@pytest.mark.parametrize(
    ("uri", "server"),
    [
        (None, None),
        ("sqlite:////tmp/mlflow.db", None),
        ("https://mlflow.example.org", ("mlflow.example.org", 443)),
        ("postgresql+psycopg://user@db/mlflow", ("db", 5432)),
        ("databricks", None),
    ],
)
def test_where_the_tracking_server_is(uri: str | None, server: tuple[str, int] | None) -> None:
    assert preflight._server(uri) == server


def test_on_this_machine_only_the_folder_is_asked_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "live_nodes", lambda: NODES[:1])
    monkeypatch.setattr(cluster, "on_every_node", lambda *_, **__: pytest.fail("a node was asked"))
    study = replace(small_study(), problem=ProblemChoice("tests.study.own_problems:two_nodes_meet"))
    assert preflight.require(study, storage=str(tmp_path), local=True).slots == 2


def test_failures_of_nodes_that_went_away_meanwhile_are_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = [{"NodeID": "a"}, {"NodeID": "b"}]
    found = iter([preflight.Preflight(0, ["node b: cannot run our code"], []), preflight.Preflight(1, [], [])])

    def inspect(*arguments: Any, **options: Any) -> preflight.Preflight:
        del nodes[1:]
        return next(found)

    monkeypatch.setattr(cluster, "live_nodes", lambda: nodes)
    monkeypatch.setattr(preflight, "inspect", inspect)
    assert preflight.require(small_study(), storage=str(tmp_path), local=False).slots == 1


def test_a_node_says_which_imports_fail() -> None:
    assert node_probe.versions({"PyYAML": "yaml"}, ["json", "no_such_module"]) == {
        "PyYAML": OURS["PyYAML"],
        "json": Found(),
        "no_such_module": Found(error="ModuleNotFoundError: No module named 'no_such_module'"),
    }


def test_the_probe_imports_nothing_that_a_node_may_lack() -> None:
    import sys

    from tests.test_architecture import ROOT, imported_packages

    imported = {name for _, name in imported_packages(ROOT / "study" / "cluster" / "node_probe.py")}
    assert imported - sys.stdlib_module_names == {"pyarrow"}  # inside of a function that says so if it is missing
