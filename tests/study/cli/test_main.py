"""The program as a process: what it loads before it answers, and how Ctrl-C ends it while it loads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.study.cli.command import write_file
from tests.test_architecture import ROOT

SLOW = {"torch", "numpy", "scipy", "pandas", "pyarrow", "pydantic", "optuna", "matplotlib", "mlflow", "ray", "rich"}

PROGRAM = f"""
import atexit, sys

sys.argv[0] = "cnn-study"
atexit.register(lambda: print(*sorted({SLOW} & set(sys.modules)), file=sys.stderr))

from study.cli.main import main

main()
"""

MAY_LOAD: dict[tuple[str, ...], set[str]] = {
    ("--help",): set(),
    ("--version",): set(),
    ("run", "--help"): set(),
    ("spaces",): {"rich"},
    ("status",): {"torch", "numpy", "pydantic", "rich"},
    ("status", "mine"): {"torch", "numpy", "pydantic", "rich"},
    ("check", "helmholtz-quick"): {"torch", "numpy", "pydantic"},
}
"""Arguments → which of the slow packages they may load."""

REFUSED: list[tuple[str, ...]] = [
    ("run", "helmholtz-quik"),
    ("run", "helmholtz-quick", "--warm-start", "nothing"),
    ("trial", "helmholtz-quik"),
    ("resume", "nothing"),
    ("confirm", "nothing"),
    ("report", "nothing"),
    ("sync", "nothing"),
]


def program(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A fresh process of `cnn-study`; the last line of stderr holds the slow packages that it loaded."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the study `mine`."""
    monkeypatch.chdir(tmp_path)
    Path("runs/mine").mkdir(parents=True)
    write_file({}, "runs/mine/study.yaml")
    return tmp_path


@pytest.mark.parametrize("arguments", MAY_LOAD, ids=" ".join)
def test_what_is_answered_at_once_loads_nothing_slow(arguments: tuple[str, ...], folder: Path) -> None:
    answer = program(*arguments, folder=folder)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout
    (loaded,) = answer.stderr.splitlines()[-1:] or [""]
    assert set(loaded.split()) <= MAY_LOAD[arguments]


@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_a_name_that_is_not_there_is_refused_before_anything_is_loaded(
    arguments: tuple[str, ...], folder: Path
) -> None:
    answer = program(*arguments, folder=folder)
    error, loaded = answer.stderr.splitlines()
    assert (answer.returncode, loaded) == (2, "")
    assert error.startswith("error: ")


def test_ctrl_c_while_it_loads(folder: Path) -> None:
    (folder / "torch.py").write_text("import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n")
    answer = program("check", "helmholtz-quick", folder=folder)
    assert (answer.returncode, answer.stdout, answer.stderr) == (130, "", "interrupted\n")
