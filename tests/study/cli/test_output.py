"""Where the output goes: terminals of any encoding and width, and places that take nothing."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from cnn_core.metrics import METRICS
from search_spaces.load import dump_yaml, load_text
from search_spaces.schema import ProblemChoice
from study.cli.metrics_table import metrics_table
from tests.study.cli.command import Command
from tests.study.small_study import small_study
from tests.test_architecture import ROOT


def program(*arguments: str, folder: Path, out: str | None = None, **environment: str) -> subprocess.CompletedProcess:
    with open(out or os.devnull, "wb") as sink:
        return subprocess.run(
            [sys.executable, "-P", "-m", "study", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdout=sink if out else subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


@pytest.mark.parametrize(
    ("status", "accepted", "marked"),
    [("tolerance not met", 1.0, True), ("diverged", 1.0, True), ("converged", 1.0, False), ("diverged", 0.0, False)],
)
@pytest.mark.parametrize("width", [30, 120])
def test_a_projection_that_missed_its_tolerance_is_marked(
    status: str, accepted: float, marked: bool, width: int
) -> None:
    metrics: dict[str, float | str] = {
        f"{split}/{metric}": 0.5 for split in ("test", "projected/test") for metric in METRICS
    }
    metrics |= {"projection/status": status, "projection/accepted": accepted}
    console = Console(file=(out := io.StringIO()), width=width)
    console.print(metrics_table(metrics))
    assert ("† with a projection that did not meet its tolerance" in " ".join(out.getvalue().split())) is marked
    assert out.getvalue().count("†") == marked * (1 + (1 if width > 100 else len(METRICS)))


@pytest.mark.parametrize("encoding", ["ascii", pytest.param("latin-1", marks=pytest.mark.slow)])
@pytest.mark.parametrize("arguments", [("spaces",), ("trial", "small.yaml"), ("--help",)], ids=" ".join)
def test_a_terminal_without_our_letters(
    command: Command, tmp_path: Path, encoding: str, arguments: tuple[str, ...]
) -> None:
    done = program(*arguments, folder=tmp_path, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr.decode(encoding)
    assert done.stdout.decode(encoding)


def test_a_study_file_keeps_its_letters_where_the_terminal_has_none() -> None:
    study = small_study(problem=ProblemChoice("helmholtz", options={"größe": "λ₀"}))
    text = dump_yaml(study, ascii_only=True)
    assert text.isascii() and load_text(text) == study
    assert not dump_yaml(study).isascii()


@pytest.mark.parametrize(
    "arguments",
    [pytest.param(("check", "small.yaml"), marks=pytest.mark.slow), ("spaces",), ("trial", "small.yaml")],
    ids=" ".join,
)
def test_an_output_that_takes_nothing_is_one_line(command: Command, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = program(*arguments, folder=tmp_path, out="/dev/full")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == "error: the output: No space left on device"
    assert "Traceback" not in done.stderr.decode()


def test_a_pipe_that_is_closed_ends_the_program_without_a_word(command: Command, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "study", "spaces"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=writer, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("width", [30, 40, 60, 80, 200])
def test_no_number_of_a_trial_is_cut(width: int) -> None:
    splits = ("train", "validation", "test", "projected/validation", "projected/test")
    names = [f"{split}/{metric}" for split in splits for metric in METRICS]
    metrics = {name: 1.2345e-10 * (1 + index) for index, name in enumerate(names)} | {"time/train_s": 1234.0}
    console = Console(file=(file := io.StringIO()), width=width)
    console.print(metrics_table(metrics))
    words = file.getvalue().split()
    assert {f"{value:.4g}" for value in metrics.values()} <= set(words)
    assert "…" not in file.getvalue()
    assert max(map(len, file.getvalue().splitlines())) <= width
