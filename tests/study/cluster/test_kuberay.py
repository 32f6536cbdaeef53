"""The file for KubeRay has the fields that a RayJob needs, as KubeRay's documentation names them.

This is a check of its structure, written by hand: no package brings the schema, and no Kubernetes has run the file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]

JOB = {
    "entrypoint": str, "backoffLimit": int, "shutdownAfterJobFinishes": bool, "ttlSecondsAfterFinished": int,
    "rayClusterSpec": dict,
}  # fmt: skip
CLUSTER = {
    "rayVersion": str, "enableInTreeAutoscaling": bool, "autoscalerOptions": dict, "authOptions": dict,
    "headGroupSpec": dict, "workerGroupSpecs": list,
}  # fmt: skip
HEAD = {"rayStartParams": dict, "template": dict}
WORKERS = HEAD | {"groupName": str, "replicas": int, "minReplicas": int, "maxReplicas": int}
POD = {"containers": list, "volumes": list, "nodeSelector": dict, "tolerations": list}
CONTAINER = {"name": str, "image": str, "env": list, "resources": dict, "volumeMounts": list}


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((ROOT / "docs/clusters/kuberay.yaml").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def cluster(documents: list[dict[str, Any]]) -> dict[str, Any]:
    return documents[1]["spec"]["rayClusterSpec"]


def wrong(found: dict[str, Any], known: dict[str, type], optional: tuple[str, ...] = ()) -> list[str]:
    """What a block has that it may not have, or lacks, or has of another kind."""
    strange = [name for name in found if name not in known or not isinstance(found[name], known[name])]
    return strange + [name for name in known if name not in found and name not in optional]


def groups(cluster: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield cluster["headGroupSpec"]
    yield from cluster["workerGroupSpecs"]


def test_it_is_a_ray_job_beside_its_volume(documents: list[dict[str, Any]]) -> None:
    kinds = [(one["apiVersion"], one["kind"]) for one in documents]
    assert kinds == [("v1", "PersistentVolumeClaim"), ("ray.io/v1", "RayJob")]
    assert documents[0]["spec"]["accessModes"] == ["ReadWriteMany"]  # pods of several nodes write to it
    assert wrong(documents[1]["spec"], JOB) == []


def test_all_its_blocks_have_what_they_need_and_nothing_else(cluster: dict[str, Any]) -> None:
    assert wrong(cluster, CLUSTER) == []
    assert wrong(cluster["headGroupSpec"], HEAD) == []
    for group in cluster["workerGroupSpecs"]:
        assert wrong(group, WORKERS) == []
        assert 0 <= group["minReplicas"] <= group["replicas"] <= group["maxReplicas"] > 0
    for group in groups(cluster):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())  # Kubernetes wants texts
        pod = group["template"]["spec"]
        assert wrong(pod, POD, optional=("nodeSelector", "tolerations")) == []
        for container in pod["containers"]:
            assert wrong(container, CONTAINER) == []


def test_every_pod_has_the_same_image_and_sees_the_shared_volume(
    documents: list[dict[str, Any]], cluster: dict[str, Any]
) -> None:
    claim = documents[0]["metadata"]["name"]
    pods = [group["template"]["spec"] for group in groups(cluster)]
    assert len({pod["containers"][0]["image"] for pod in pods}) == 1
    for pod in pods:
        [volume], [mount] = pod["volumes"], pod["containers"][0]["volumeMounts"]
        assert volume == {"name": mount["name"], "persistentVolumeClaim": {"claimName": claim}}
        assert mount["mountPath"] in documents[1]["spec"]["entrypoint"]


def test_the_head_takes_no_trials_and_workers_come_with_the_work(cluster: dict[str, Any]) -> None:
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert cluster["authOptions"] == {"mode": "token"}
    steady, spot = cluster["workerGroupSpecs"]
    assert (steady["minReplicas"], spot["minReplicas"]) == (0, 0)
    assert "nodeSelector" in spot["template"]["spec"] and "nodeSelector" not in steady["template"]["spec"]
    for group in (steady, spot):
        resources = group["template"]["spec"]["containers"][0]["resources"]
        assert resources["limits"] == resources["requests"]  # as a GPU must have it
        assert resources["limits"]["nvidia.com/gpu"] == "1"


def test_its_ray_is_the_one_of_the_driver(cluster: dict[str, Any]) -> None:
    assert f"ray=={cluster['rayVersion']}\n" in (ROOT / "constraints.txt").read_text(encoding="utf-8")


def test_a_head_that_is_lost_resumes_the_study(documents: list[dict[str, Any]]) -> None:
    entrypoint = documents[1]["spec"]["entrypoint"]
    assert "cnn-study resume helmholtz-training --address auto" in entrypoint
    assert "cnn-study run helmholtz-training --name helmholtz-training --address auto" in entrypoint
    assert documents[1]["spec"]["backoffLimit"] > 0
