"""Ctrl-C and SIGTERM, at any time and as often as one likes: exit code 130 and a line."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from study.cli.interrupts import Interrupted, deferred, interruptible
from tests.study.cli.command import Command, write_file
from tests.test_architecture import ROOT

BOTH = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in BOTH}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", BOTH)
def test_the_first_leaves_with_its_words(number: int) -> None:
    with pytest.raises(Interrupted, match="so far"), interruptible(lambda: "so far"):
        signal.raise_signal(number)


@pytest.mark.parametrize("number", BOTH)
def test_one_more_ends_the_program_at_once(
    number: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    with pytest.raises(Interrupted), interruptible(lambda: "so far"):
        try:
            signal.raise_signal(number)
        finally:  # while it ends
            signal.raise_signal(number)
    assert (codes, capfd.readouterr().err) == ([130], "so far\n")


@pytest.mark.parametrize("number", BOTH)
def test_what_is_deferred_is_noted_and_the_next_is_as_before(number: int, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Interrupted), interruptible(), deferred("stopping soon") as noted:
        assert not noted()
        signal.raise_signal(number)
        assert noted()
        signal.raise_signal(number)
    assert capfd.readouterr().err == "stopping soon\n"


def test_without_a_signal_all_is_as_before() -> None:
    before = [signal.getsignal(number) for number in BOTH]
    with interruptible(), deferred(""):
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(number) for number in BOTH] == before


INTERRUPTED_AFTER = """
import os, signal, sys
from study.trial.trial import Trial
from study.cli.main import main

step, finish = Trial.step, Trial.finish

def step_and_stop(trial):
    done = step(trial)
    if trial.epoch == 2:
        os.kill(os.getpid(), signal.{number})
    return done

def stop(trial):
    os.kill(os.getpid(), signal.{number})
    return finish(trial)

if {in_training}:
    Trial.step = step_and_stop
else:
    Trial.finish = stop
sys.argv[0] = "cnn-study"
main()
"""


@pytest.mark.parametrize(
    ("number", "in_training", "epoch"),
    [
        ("SIGINT", True, 2),
        pytest.param("SIGTERM", True, 2, marks=pytest.mark.slow),
        pytest.param("SIGINT", False, 4, marks=pytest.mark.slow),
        ("SIGTERM", False, 4),
    ],
)
def test_a_trial_that_is_interrupted_is_saved_and_goes_on(
    command: Command, tmp_path: Path, number: str, in_training: bool, epoch: int
) -> None:
    write_file({"training.epochs": 4})
    code = INTERRUPTED_AFTER.format(number=number, in_training=in_training)
    done = subprocess.run(
        [sys.executable, "-c", code, "trial", "small.yaml", "--save", "saved"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (130, ""), done.stderr
    assert done.stderr.splitlines()[-1] == (
        f"interrupted after epoch {epoch} of 4; the same command goes on from there with: --from-checkpoint saved"
    )
    again = command("trial", "small.yaml", "--from-checkpoint", "saved", "--json")
    whole = command("trial", "small.yaml", "--json")
    assert again.code == whole.code == 0
    for name in ("validation/data_mse", "test/data_mse"):
        key = f'"{name}": '
        assert again.out.split(key)[1].split(",")[0] == whole.out.split(key)[1].split(",")[0]
