"""`cnn-study check SPACE --resources`: a row for each method, and what bounds the trials of a node."""

from collections.abc import Mapping

import pytest

from study.cli import resources
from study.pack.rehearsal import Rehearsed
from study.trial.footprint import Footprint
from tests.study.cli.command import Command

FOUND = Footprint(2311, 60, estimated_mib=104.0, measured_mib=192.0, process_mib=408.0, step_seconds=0.005, steps=2400)


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "footprints", lambda trials: dict.fromkeys(trials, FOUND))


def test_every_method_has_a_row(command: Command) -> None:
    answer = command("check", "helmholtz-quick", "--resources", "--node", "cpu=16,memory=8")
    assert answer.code == 0
    rows = [line.split() for line in answer.out.splitlines()]
    assert ["batch", "2311", "60", "104.0", "192.0", "0.005", "12", "12", "memory"] in rows
    assert {row[0] for row in rows if row[1:2] == ["2311"]} == {
        "unconstrained", "soft", "reduction", "batch", "augmented-lagrangian"
    }  # fmt: skip
    assert "408 MiB for the process" in " ".join(answer.out.split())


def test_a_share_of_a_gpu_is_counted(command: Command) -> None:
    node = "cpu=4,gpu=1,memory=16,gpu_memory=24"
    answer = command("check", "helmholtz-quick", "--resources", "--node", node, "--set", "resources.gpu=0.5")
    assert "0.005" in answer.out and any(line.split()[-2:] == ["2", "GPU"] for line in answer.out.splitlines())


@pytest.mark.parametrize(
    ("pack", "size", "asks"), [("8", 8, "A pack of 8 asks for 1 CPU"), ("auto", 16, "A trial asks")]
)
def test_what_packs_give_is_measured(
    command: Command, pack: str, size: int, asks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(trials: Mapping[str, str], folders: object, *, members: int) -> dict[str, Rehearsed]:
        assert members == size
        return {"soft": Rehearsed(alone=1.0, stacked=0.25), "sample": Rehearsed(reason="it is not")}

    monkeypatch.setattr(resources, "rehearsed", measured)
    node = ("--node", "cpu=2,memory=64")
    answer = command("check", "helmholtz-quick", "--resources", *node, "--set", f"resources.pack={pack}")
    told = " ".join(answer.out.split())
    assert asks in told
    assert f"In packs of {size} a step takes this fraction of its time, on this machine: soft 0.25; sample not" in told
    rows = [line.split()[-2:] for line in answer.out.splitlines() if line.startswith("batch ")]
    assert rows == [["16" if pack == "8" else "2", "CPU"]]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--resources", "--node", "cores=4"], "--node has 'cores=4'; write cpu=16,"),
        (["--node", "cpu=4,memory=8"], "--node goes with --resources"),
    ],
)
def test_what_says_no_node_is_refused(command: Command, options: list[str], told: str) -> None:
    answer = command("check", "helmholtz-quick", *options)
    assert answer.code == 2 and told in answer.err
