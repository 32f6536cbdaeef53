"""How many trials a node holds at once, as it is described."""

import pytest

from search_spaces.schema import Resources
from study.cluster.node import FORM, MEMBER_MIB, Node, first, parse_node, this_node, trials_at_once


def test_a_node_is_described_in_any_order() -> None:
    assert parse_node(FORM) == Node(cpu=16, gpu=1, memory=64, gpu_memory=80)
    assert parse_node("memory=8, cpu=2.5") == Node(cpu=2.5, gpu=0, memory=8, gpu_memory=0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cores=4", "--node has 'cores=4'; write cpu=16,"),
        ("cpu=many,memory=8", "--node: cpu is 'many'; write a number"),
        ("cpu=-1,memory=8", "--node: cpu is -1; write a number that is not negative"),
        ("cpu=nan,memory=8", "--node: cpu is nan; write a number that is not negative"),
        ("cpu=4", "--node says nothing of memory; write cpu=16,"),
        ("cpu=4,memory=8,gpu=1", "--node has GPUs and says nothing of gpu_memory"),
        ("", "--node has ''; write"),
    ],
)
def test_what_describes_no_node_is_one_line(text: str, told: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_node(text)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_the_machine_itself_is_a_node() -> None:
    node = this_node()
    assert node.cpu >= 1 and node.memory > 0.1


@pytest.mark.parametrize(
    ("node", "resources", "tensors", "bounds", "bound"),
    [
        (Node(16, 0, 64), Resources(cpu=1), 100.0, {"CPU": 16, "memory": 98}, "CPU"),
        (Node(64, 0, 16), Resources(cpu=2), 500.0, {"CPU": 32, "memory": 14}, "memory"),
        (Node(16, 2, 64, 80), Resources(1, 0.25), 1e2, {"CPU": 16, "memory": 117, "GPU": 8, "GPU memory": 244}, "GPU"),
        (Node(9, 2, 32, 8), Resources(1, 0.1), 3e3, {"CPU": 9, "memory": 58, "GPU": 20, "GPU memory": 4}, "GPU memory"),
        (Node(16, 4, 64, 80), Resources(1, 2.0), 100.0, {"CPU": 16, "memory": 117, "GPU": 2, "GPU memory": 488}, "GPU"),
        (Node(16, 0, 64), Resources(1, 0.5), 1.0, {"CPU": 16, "memory": 117, "GPU": 0, "GPU memory": 0}, "GPU"),
    ],
)  # fmt: skip
def test_what_bounds_the_trials_of_a_node(
    node: Node, resources: Resources, tensors: float, bounds: dict[str, int], bound: str
) -> None:
    """A process takes 500 MiB; a tenth of all memory is spared; on a GPU each trial has 500 MiB of its own besides."""
    found = trials_at_once(node, resources, process_mib=500.0, tensors_mib=tensors)
    assert (found, first(found)) == (bounds, bound)


def test_packs_share_cores_a_gpu_and_the_memory_of_a_process() -> None:
    node, resources = Node(8, 1, 32, 80), Resources(cpu=4, gpu=0.5)
    found = trials_at_once(node, resources, process_mib=320.0, tensors_mib=100.0, pack=16)
    assert (found["CPU"], found["GPU"]) == (32, 32)
    assert found["memory"] == int(0.9 * 32 * 1024 / (320 / 16 + MEMBER_MIB))
    assert found["GPU memory"] == int(0.9 * 80 * 1024 / (500 / 16 + 100))
