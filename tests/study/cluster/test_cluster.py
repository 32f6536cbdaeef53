import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from search_spaces.schema import Resources
from study.cluster import cluster
from study.journal.events import TrialStatus
from study.journal.journal import Journal

ROOT = Path(__file__).parents[3]


def node(cpu: float, gpu: float = 0.0) -> dict[str, Any]:
    return {"NodeID": "id", "NodeManagerAddress": "10.0.0.1", "Resources": {"CPU": cpu} | ({"GPU": gpu} if gpu else {})}


@pytest.mark.parametrize(
    ("resources", "nodes", "held"),
    [
        (Resources(cpu=1), [node(2)], 2),
        (Resources(cpu=2), [node(3), node(3)], 2),
        (Resources(cpu=1, gpu=0.5), [node(8, 1), node(8, 2)], 6),
        (Resources(cpu=4, gpu=0.25), [node(4, 1)], 1),
        (Resources(cpu=0.1), [node(1)], 10),
        (Resources(cpu=1, gpu=1), [node(64), node(2, 1)], 1),
    ],
)
def test_capacity_is_what_fits_on_each_node(resources: Resources, nodes: list[Any], held: int) -> None:
    assert cluster.capacity(resources, nodes) == held


def test_a_trial_that_no_node_can_hold_is_refused() -> None:
    with pytest.raises(cluster.ClusterError) as error:
        cluster.capacity(Resources(cpu=1, gpu=0.5), [node(2), node(8)])
    assert str(error.value) == (
        "resources: a trial asks for 1 CPU and 0.5 GPU, but the nodes have 2 CPU and 0 GPU or 8 CPU and 0 GPU; "
        "write less, e.g. --set resources.cpu=1 --set resources.gpu=0"
    )


def test_a_cluster_that_can_grow_counts_with_its_limits() -> None:
    assert cluster.capacity(Resources(cpu=1, gpu=0.5), [node(2)], may_grow_to={"CPU": 16.0, "GPU": 4.0}) == 8


@pytest.mark.parametrize("address", ["here", "ray://host", "localhost:abc"])
def test_an_address_of_no_known_form_is_refused(address: str) -> None:
    with (
        pytest.raises(cluster.ClusterError, match=rf"--address is '{address}'; write local, auto, HOST:PORT or ray://"),
        cluster.connection(address),
    ):
        pass


@pytest.mark.parametrize("prefix", ["", "ray://"])
def test_an_address_where_nobody_answers_is_refused_at_once(prefix: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"{prefix}127.0.0.1:{unused.getsockname()[1]}"
    with (
        pytest.raises(cluster.ClusterError, match=rf"--address {address}: no cluster is there \(Connection refused\)"),
        cluster.connection(address),
    ):
        pass


def test_nodes_get_our_packages_and_the_users_module() -> None:
    ours = [str(ROOT / name) for name in ("cnn_core", "search_spaces", "study")]
    assert cluster.modules("helmholtz") == ours
    assert cluster.modules("tests.study.own_problems:two_nodes_meet") == [*ours, str(ROOT / "tests")]


def test_nodes_get_what_the_users_module_imports_from_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "shore_lines").mkdir()
    (tmp_path / "shore_lines" / "__init__.py").touch()
    (tmp_path / "ebb_scale.py").write_text("import math\n", encoding="utf-8")
    (tmp_path / "another.py").touch()
    (tmp_path / "ebb_waves.py").write_text("import ebb_scale\nimport shore_lines\nimport cnn_core\n", encoding="utf-8")
    own = [str(tmp_path / name) for name in ("ebb_waves.py", "ebb_scale.py", "shore_lines")]
    assert cluster.modules("ebb_waves:tides") == [*cluster.modules(), *own]


@pytest.mark.slow
@pytest.mark.ray
def test_a_study_runs_on_two_nodes_with_half_a_gpu_for_each_trial(tmp_path: Path) -> None:
    directory = tmp_path / "study"
    command = [sys.executable, "-m", "tests.study.driver.small_driver", "two-nodes", str(directory)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=True)
    assert json.loads(done.stdout) == {"error": None, "unsent": None, "stopped": False}
    assert len(list((tmp_path / "meeting").iterdir())) == 2
    records = Journal(directory).trials()
    assert [record.status for record in records.values()] == [TrialStatus.COMPLETED] * 4
    for ident in records:
        assert (directory / "trials" / ident / "predictions.npz").exists()
    [record] = Journal(tmp_path / "through-client").trials().values()
    assert record.status is TrialStatus.COMPLETED
    assert all("trials" in line for line in done.stderr.splitlines())


CLUSTERS = ["cluster.yaml", "docs/clusters/on-premise.yaml"]


def cluster_file(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_cluster_files_are_valid(name: str) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(cluster_file(name)))


@pytest.mark.parametrize("name", CLUSTERS)
def test_every_cluster_pins_its_versions_and_asks_for_the_token(name: str) -> None:
    config = cluster_file(name)
    commands = [*config["setup_commands"], *config.get("head_setup_commands", [])]
    installs = [command for command in commands if "pip" in command]
    assert installs and all("-c ~/cnn-study/constraints.txt" in command for command in installs)
    assert any(target.endswith("/.ray/auth_token") for target in config["file_mounts"])
    assert "chmod 600 ~/.ray/auth_token" in config["setup_commands"][0]
    for kind in ("head", "worker"):
        start = config[f"{kind}_start_ray_commands"][-1]
        assert start.startswith("export RAY_AUTH_MODE=token")
    assert "--dashboard-host=127.0.0.1" in config["head_start_ray_commands"][-1]


def test_the_cloud_cluster_grows_from_nothing_and_opens_no_port() -> None:
    config = cluster_file("cluster.yaml")
    head, *workers = (config["available_node_types"][name] for name in ("head", "gpu", "gpu-spot"))
    assert head["resources"] == {"CPU": 0}
    assert [(worker["min_workers"], worker["resources"]["GPU"]) for worker in workers] == [(0, 1), (0, 1)]
    assert all(worker["max_workers"] > 0 for worker in workers)
    assert workers[1]["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
    assert config["idle_timeout_minutes"] > 0
    for node in (head, *workers):  # without a group of the user's, Ray makes one that opens SSH to the world
        assert node["node_config"]["SecurityGroupIds"]
        assert node["node_config"]["IamInstanceProfile"]


def test_the_slurm_script_is_a_shell_script_that_runs_a_study_on_all_nodes() -> None:
    script = ROOT / "docs/clusters/slurm.sh"
    subprocess.run(["bash", "-n", str(script)], check=True)
    text = script.read_text(encoding="utf-8")
    assert 'srun ray symmetric-run --address "$address:$port" --min-nodes "$SLURM_JOB_NUM_NODES"' in text
    assert "RAY_AUTH_MODE=token" in text
