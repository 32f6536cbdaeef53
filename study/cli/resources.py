"""What a study's trials take of a machine, and how many fit: `cnn-study check SPACE --resources`."""

from collections.abc import Mapping

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from search_spaces import modules
from search_spaces.kinds import trials_of
from search_spaces.load import dump_yaml
from search_spaces.schema import Resources, Study
from study.cluster.node import SPARE, Node, first, trials_at_once
from study.pack.rehearsal import MOST, Rehearsed, rehearsed, told_of
from study.terminal.fitting import Fitting
from study.trial.footprint import Footprint, footprints


def show_resources(study: Study, node: Node) -> None:
    """Print a row for every contestant or method of a study, what bounds its trials on a node, and what packs give."""
    trials, pack = trials_of(study), study.resources.pack or 1
    size = MOST if pack == "auto" else pack
    texts = {name: dump_yaml(trial) for name, trial in trials.items()}
    stacked = rehearsed(texts, modules.folders, members=size) if size > 1 else {}
    Console().print(resources_view(footprints(trials), study.resources, node), *map(Text, _of_packs(stacked, size)))


def resources_view(found: dict[str, Footprint], resources: Resources, node: Node) -> Group:
    """The table, and the sentences below it."""
    pack = resources.pack if isinstance(resources.pack, int) else 1
    headings = ("trial", "P", "rows", "MiB,\nestim.", "MiB,\nmeas.", "s,\nstep", "s,\nall", "at\nonce", "bound by")
    table = Table(*headings, box=None, header_style="bold", pad_edge=False)
    for name, one in found.items():
        bounds = trials_at_once(node, resources, process_mib=one.process_mib, tensors_mib=one.tensors_mib, pack=pack)
        bound = first(bounds)
        table.add_row(
            Text(name), str(one.parameters), str(one.rows or "–"), f"{one.estimated_mib:.1f}",
            f"{one.measured_mib:.1f}", f"{one.step_seconds:.2g}", f"{one.step_seconds * one.steps:.3g}",
            str(bounds[bound]), bound,
        )  # fmt: skip
    return Group(Fitting(table), "", *map(Text, _notes(found, resources, node)))


def _notes(found: dict[str, Footprint], resources: Resources, node: Node) -> list[str]:
    process = max(one.process_mib for one in found.values())
    errors = [one.estimated_mib - one.measured_mib for one in found.values()]
    has = f"{node.cpu:g} CPU and {node.memory:.3g} GiB" + (
        f", {node.gpu:g} GPU with {node.gpu_memory:.3g} GiB each" if node.gpu else ""
    )
    return [
        f"{_asker(resources)} asks for {resources.cpu:g} CPU and {resources.gpu:g} GPU; the node has {has}, of which "
        f"{SPARE:.0%} of the memory is spared.",
        f"MiB are those of tensors, beside {process:.0f} MiB for the process. Seconds and measured MiB are this "
        f"machine's, without projections; the estimate is {min(errors):+.1f} to {max(errors):+.1f} MiB off.",
    ]


def _asker(resources: Resources) -> str:
    return f"A pack of {resources.pack}" if isinstance(resources.pack, int) and resources.pack > 1 else "A trial"


def _of_packs(stacked: Mapping[str, Rehearsed], size: int) -> list[str]:
    if not stacked:
        return []
    told = "; ".join(told_of(stacked))
    return [f"In packs of {size} a step takes this fraction of its time, on this machine: {told}."]
