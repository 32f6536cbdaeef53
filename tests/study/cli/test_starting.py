"""Commands that run something: what a trial prints and saves, and where nothing is started."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from cnn_core.clock import SECTIONS
from cnn_core.metrics import METRICS, WORST
from search_spaces.load import load_study
from tests.search_spaces.files import without_edition, write
from tests.study import own_code
from tests.study.cli.command import Command, assert_refused, last_object

PROJECTION = ("--set", "projection.solver=lm", "--set", "projection.max_steps=3", "--set", "projection.points=10")

CPU = {"time/cpu_s", "time/train_cpu_s"}
COSTS = {"memory/peak_mib", "time/train_s", *CPU, *(f"time/{section}_s" for section in SECTIONS)}

ERRORS = {f"{split}/{figure}" for split in ("train", "validation", "test") for figure in METRICS}

PROJECTED = {f"projected/{split}/{figure}" for split in ("validation", "test") for figure in METRICS} | {
    "projection/steps",
    "projection/status",
    "time/projection_s",
    "time/projection_cpu_s",
}


def test_json_is_all_that_a_trial_prints(command: Command) -> None:
    answer = command("trial", "small.yaml", "--set", "training.method.name=soft", "--json")
    printed = last_object(answer)
    assert len(answer.out.splitlines()) == 1
    assert set(printed) == {"config", "metrics", "status"}
    assert printed["config"]["training"]["method"]["name"] == "soft"
    assert printed["status"] == "completed"
    assert set(printed["metrics"]) == ERRORS | COSTS | {"diverged", "method/weight", "method/taylor_mode"}
    assert all(math.isfinite(value) for value in printed["metrics"].values())
    assert "Traceback" not in answer.err


def test_a_projected_trial_has_the_figures_of_both(command: Command) -> None:
    metrics = last_object(command("trial", "small.yaml", *PROJECTION, "--json"))["metrics"]
    assert set(metrics) >= ERRORS | COSTS | PROJECTED
    assert metrics.pop("projection/status") in ("converged", "tolerance not met")
    assert all(math.isfinite(value) for value in metrics.values())


def test_the_same_trial_twice_is_the_same(command: Command) -> None:
    first, second = (last_object(command("trial", "small.yaml", "--json"))["metrics"] for _ in range(2))
    assert {name: first[name] for name in ERRORS} == {name: second[name] for name in ERRORS}


def test_a_trial_for_people_is_a_table(command: Command) -> None:
    answer = command("trial", "small.yaml", *PROJECTION)
    assert answer.code == 0
    assert all(word in answer.out for word in ("train", "validation", "test", "projected", *METRICS, "time/train_s"))
    assert "2/2" in answer.err


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", "1.0e+6"), ("sgd", "1.0e+300"), ("adam", "1.0e+30")])
def test_a_trial_that_diverges_is_a_result(command: Command, optimizer: str, rate: str) -> None:
    steps = (f"training.optimizer.name={optimizer}", f"training.optimizer.learning_rate={rate}")
    settings = [word for step in steps for word in ("--set", step)]
    printed = last_object(command("trial", "small.yaml", *settings, *PROJECTION, "--json"))
    assert printed["status"] == "diverged"
    assert printed["metrics"]["diverged"] == 1
    worst = ERRORS | {name for name in PROJECTED if name.startswith("projected/")}
    assert {printed["metrics"][name] for name in worst} == {WORST}
    assert printed["error"].startswith(("in step ", "after epoch 1 "))
    assert all(math.isfinite(value) for value in printed["metrics"].values())


def test_a_trial_can_be_saved(command: Command) -> None:
    assert command("trial", "small.yaml", *PROJECTION, "--save", "saved/trial").code == 0
    folder = Path("saved/trial")
    assert {path.name for path in folder.iterdir()} == {
        "checkpoint.pt",
        "trial.yaml",
        "predictions.npz",
        "percentiles.csv",
    }
    assert load_study(folder / "trial.yaml").projection is not None
    with np.load(folder / "predictions.npz") as arrays:
        assert {"x", "u", "p", "before", "after"} <= set(arrays)


def test_a_saved_trial_is_not_overwritten(command: Command) -> None:
    command("trial", "small.yaml", "--save", "saved")
    written = Path("saved/checkpoint.pt").read_bytes()
    assert_refused(command("trial", "small.yaml", "--save", "saved"), "--save: saved holds a trial already; write")
    assert Path("saved/checkpoint.pt").read_bytes() == written


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there(command: Command) -> None:
    answer = command("trial", "small.yaml", "--set", "training.device=cuda")
    assert_refused(answer, "training.device is cuda, but this process sees no GPU; write auto or cpu")


def test_a_trial_saved_where_nothing_can_be_written(command: Command) -> None:
    Path("file").touch()
    answer = command("trial", "small.yaml", "--save", "file/trial")
    assert_refused(answer, "--save: file/trial cannot be made (Not a directory); write another folder")


def test_results_where_nothing_can_be_written(command: Command) -> None:
    Path("runs").write_text("mine")
    assert_refused(command("run", "small.yaml"), "runs: results cannot be written there", "choose another folder")
    assert Path("runs").read_text() == "mine"


def test_a_study_that_exists_is_not_overwritten(command: Command) -> None:
    file = Path("runs/mine/study.yaml")
    file.parent.mkdir(parents=True)
    file.write_text("study: mine\n")
    answer = command("run", "small.yaml", "--name", "mine")
    assert_refused(answer, "runs/mine: a study of this name exists already; write another --name")
    assert file.read_text() == "study: mine\n"
    assert [path.name for path in Path("runs").glob("*/*")] == ["study.yaml"]


def test_a_trial_goes_on_with_the_defaults_that_it_began_with(command: Command) -> None:
    own = str(write(Path(), {"training.method": {"name": "batch"}}))
    exact = ("--set", "training.method.gain=1.0", "--set", "training.method.damping=0.0")
    assert command("trial", own, *exact, "--save", "saved").code == 0
    without_edition(Path("saved/trial.yaml"))
    on = ("trial", own, "--set", "training.epochs=6", "--json")
    found = {
        goes_on: last_object(command(*on, *(("--from-checkpoint", "saved") if goes_on else ())))["config"]["training"]
        for goes_on in (True, False)
    }
    assert [(one["method"]["gain"], one["method"]["damping"]) for one in found.values()] == [(1.0, 0.0), (0.3, 0.01)]


@pytest.mark.parametrize("name", ["a/b", "..", "-x", ""])
def test_a_name_that_is_no_folder(command: Command, name: str) -> None:
    assert_refused(command("run", "small.yaml", f"--name={name}"), f"--name is {name!r}; write letters")


def test_a_checkpoint_of_another_code_is_told(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    own_code.own_study(tmp_path)
    own = ("--set", "problem.name=tide_waves:tides")
    assert command("trial", "small.yaml", *own, "--save", "saved").code == 0
    on = ("trial", "small.yaml", *own, "--set", "training.epochs=3", "--from-checkpoint", "saved", "--json")
    last_object(unchanged := command(*on))
    assert "code" not in unchanged.err
    own_code.write(tmp_path, own_code.BEFORE + "# better\n")
    last_object(changed := command(*on))
    assert changed.err.splitlines()[0] == (
        "saved: its own code has changed since this was saved; it goes on with the code of now"
    )
