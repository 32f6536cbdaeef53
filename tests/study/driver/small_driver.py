"""Runs a small study as a command, so that a test sees all that a user would.

python -m tests.study.driver.small_driver KIND DIRECTORY; stdout is the outcome as one JSON object, stderr what the user
sees.
"""

import json
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from search_spaces.schema import ProblemChoice, Resources, Scheduler, Study
from study.driver.runner import Outcome, run
from tests.study.small_study import COMPLETES, DIVERGES, FAILS, STANDS_STILL, small_study


def four_endings() -> Study:
    """Trials that complete, fail, diverge, and are pruned since the first was better."""
    asha = Scheduler("asha", metric="validation/data_mse", reduction_factor=2.0)
    return small_study(COMPLETES, FAILS, DIVERGES, STANDS_STILL, epochs=4, scheduler=asha)


def endless() -> Study:
    """A trial that goes on until it is stopped."""
    return small_study(COMPLETES, epochs=1_000_000)


def failing() -> Study:
    """A study whose only trial fails."""
    return small_study(FAILS)


def dying(directory: Path) -> Study:
    """A trial whose process is killed once, as for lack of memory."""
    return with_problem(small_study(COMPLETES), "dies_once", mark=directory.with_name("died"))


def half_gpus(directory: Path) -> Study:
    """Four trials on half a GPU each; the problem is built once two nodes have come to the meeting place."""
    study = small_study(*(COMPLETES / divisor for divisor in (1, 2, 3, 4)), resources=Resources(cpu=1, gpu=0.5))
    study = replace(study, tune=replace(study.tune, max_concurrent="auto"))
    return with_problem(study, "two_nodes_meet", meeting_place=directory.with_name("meeting"))


def with_problem(study: Study, function: str, **folders: Path) -> Study:
    options = {name: str(path) for name, path in folders.items()}
    return replace(study, problem=ProblemChoice(f"tests.study.own_problems:{function}", options=options))


STUDIES: Mapping[str, Callable[[], Study]] = {"four-endings": four_endings, "endless": endless, "failing": failing}


def on_two_nodes(directory: Path) -> Outcome:
    """By the address of the head node first, then through a Ray client."""
    from ray.cluster_utils import Cluster

    port = free_port()
    head = {"num_cpus": 2, "num_gpus": 1, "include_dashboard": False, "ray_client_server_port": port}
    nodes = Cluster(initialize_head=True, head_node_args=head)
    nodes.add_node(num_cpus=2, num_gpus=1)
    try:
        outcome = run(half_gpus(directory), directory=directory, address=nodes.address)
        through_client = directory.with_name("through-client")
        run(small_study(COMPLETES), directory=through_client, address=f"ray://127.0.0.1:{port}")
    finally:
        nodes.shutdown()
    return outcome


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


def main(kind: str, directory: Path) -> Outcome:
    if kind == "two-nodes":
        return on_two_nodes(directory)
    return run(dying(directory) if kind == "dying" else STUDIES[kind](), directory=directory)


if __name__ == "__main__":
    outcome = main(sys.argv[1], Path(sys.argv[2]))
    assert "mlflow" not in sys.modules, "a driver has no use for MLflow, whose import takes two seconds"
    print(json.dumps(asdict(outcome)))
