"""Runs a small study as a command, so that a test sees all that a user would.

python -m tests.study.driver KIND DIRECTORY; stdout is the outcome as one JSON object, stderr what the user sees.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from search_spaces.schema import Resources, Scheduler, Study
from study.runner import run
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


def half_gpus(meeting_place: Path) -> Study:
    """Four trials on half a GPU each; the problem is built once two nodes have come to the meeting place."""
    study = small_study(*(COMPLETES / divisor for divisor in (1, 2, 3, 4)), resources=Resources(cpu=1, gpu=0.5))
    problem = replace(
        study.problem, name="tests.study.meeting:two_nodes_meet", options={"meeting_place": str(meeting_place)}
    )
    return replace(study, problem=problem, tune=replace(study.tune, max_concurrent="auto"))


STUDIES: Mapping[str, Callable[[], Study]] = {"four-endings": four_endings, "endless": endless, "failing": failing}


def on_two_nodes(directory: Path) -> None:
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "num_gpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=2, num_gpus=1)
    try:
        study = half_gpus(directory.with_name("meeting"))
        print(json.dumps(asdict(run(study, directory=directory, address=nodes.address))))
    finally:
        nodes.shutdown()


if __name__ == "__main__":
    kind, where = sys.argv[1], Path(sys.argv[2])
    if kind == "two-nodes":
        on_two_nodes(where)
    else:
        print(json.dumps(asdict(run(STUDIES[kind](), directory=where))))
