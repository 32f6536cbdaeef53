"""Benchmarks that no other test imports run to their ends with the least that they take."""

import json
import subprocess
import sys

import pytest

from tests.test_architecture import ROOT

LEAST = {
    "scale": ("--nodes", "2", "--trials", "20"),
    "tracking": ("--seconds", "1", "--values", "4000"),
    "multipliers": ("--scope", "soft", "--batch", "20", "--width", "8"),
    "decay": (),
}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", LEAST)
def test_a_benchmark_runs_and_ends_with_its_rows(name: str) -> None:
    command = [sys.executable, "-m", f"benchmarks.{name}", *LEAST[name], "--json"]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert json.loads(said.splitlines()[-1])
