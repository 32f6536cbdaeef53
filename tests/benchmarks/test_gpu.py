"""The GPU's benchmark, as far as a CPU can run it: small sizes."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from benchmarks import gpu
from benchmarks.gpu import MEASURES, Case, Row, cases, guarded, ratios
from cnn_core import capture

SMALL = Case("step", batch=5, width=4, dtype="float64")

REST = {"ray", "mlflow", "optuna", "pydantic", "rich", "yaml", "scipy", "matplotlib", "click", "pytorch_optimizer"}
"""What a machine for this benchmark need not have."""


@pytest.mark.parametrize("method", ["soft", "batch", "null-space"])
@pytest.mark.parametrize("way", ["eager", "recorded"])
def test_steps_are_measured(method: str, way: str) -> None:
    row = guarded(replace(SMALL, method=method, way=way), "cpu")
    assert (row.error, row.unit) == ("", "ms")
    assert row.value is not None
    assert row.value > 0


def test_launches_packs_and_projections_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "train", lambda model, *points, **settings: model.begin)
    ways = {"projection": ("one by one", "stacked"), "pack": ("eager", "recorded")}
    cases = [(what, way, count) for what in ("pack", "projection") for way in ways[what] for count in (1, 3)]
    for what, way, count in [("launches", "eager", 1), *cases]:
        row = guarded(replace(SMALL, what=what, way=way, count=count), "cpu")
        assert row.error == ""
        assert row.value is not None
        assert row.value > 0


@pytest.mark.parametrize("method", ["soft", "batch", "null-space"])
def test_steps_without_a_look_agree(method: str) -> None:
    row = guarded(replace(SMALL, what="agreement", method=method), "cpu")
    assert row.value is not None
    assert row.value < 1e-9


@pytest.mark.slow
def test_processes_are_measured_together() -> None:
    row = guarded(replace(SMALL, what="processes", count=2), "cpu")
    assert (row.error, row.unit) == ("", "trials per hour")


def test_a_row_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(case: Case, device: str) -> tuple[float, str]:
        raise RuntimeError("out of\nmemory")

    monkeypatch.setitem(MEASURES, "step", fail)
    row = guarded(SMALL, "cpu")
    assert row.value is None
    assert "RuntimeError: out of memory" in str(row)


def test_every_case_can_be_measured_and_none_comes_twice() -> None:
    for quick in (True, False):
        for small in (True, False):
            listed = [replace(case, aim="") for case in cases(quick=quick, small=small)]
            assert len(set(listed)) == len(listed)
            late = {"processes"} if quick else set()  # they take half a minute to begin
            assert {case.what for case in listed} == set(MEASURES) - late


def test_what_compiles_comes_last() -> None:
    for quick in (True, False):
        compiles = ["compiled" in case.way for case in cases(quick=quick, small=False)]
        assert compiles == sorted(compiles) and any(compiles)


def test_rows_for_which_there_is_no_time_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU a row begins if it is expected to end in time; those that take less may follow."""
    monkeypatch.setattr(gpu, "guarded", lambda case, device: Row(case, 1.0))
    long, short = Case("processes"), Case("step")
    rows = list(gpu.rows_of([long, short], "cuda", long.expected - 1.0))
    assert [row.error for row in rows] == ["left out: no time for it", ""]
    assert [row.error for row in gpu.rows_of([long, short], "cuda", 0.0)] == ["left out: no time for it"] * 2


@pytest.mark.slow
def test_some_rows_can_be_chosen() -> None:
    command = [sys.executable, "-m", "benchmarks.gpu", "--device", "cpu", "--json", "--only"]
    found = subprocess.run([*command, "launches"], check=True, capture_output=True, text=True).stdout
    assert {row["case"]["what"] for row in json.loads(found.splitlines()[-1])} == {"launches"}
    wrong = subprocess.run([*command, "step,lunches"], capture_output=True, text=True)
    assert "there is no lunches; write some of step,launches,pack," in wrong.stderr


@pytest.mark.parametrize("what", ["step", "pack", "agreement"])
def test_what_is_not_recorded_is_no_row_of_recorded_steps(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(recording: object) -> None:
        raise RuntimeError("operation not permitted")

    monkeypatch.setattr(capture.Recording, "due", property(lambda held: held.taken == capture.TAKEN_FIRST))
    monkeypatch.setattr(capture.Recording, "record", refuse)
    row = guarded(replace(SMALL, what=what, way="recorded"), "cpu")
    assert (row.value, row.error) == (None, "RuntimeError: not recorded: operation not permitted")


def test_launches_are_the_calls_that_put_something_into_a_stream() -> None:
    calls = ["cudaLaunchKernel", "cuLaunchKernelEx", "cudaGraphLaunch", "cudaMemcpyAsync", "cudaMemsetAsync"]
    others = ["cudaStreamSynchronize", "Memcpy DtoD (Device -> Device)", "aten::copy_", "void cub::Launch<1>()"]
    assert list(filter(gpu.launches, calls + others)) == calls


def test_a_process_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "PATIENCE", 0.2)
    silent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, stdout=-1, text=True)
    try:
        with pytest.raises(TimeoutError, match="a process said nothing"):
            gpu._answers([silent])
    finally:
        silent.communicate()


def test_ratios_are_those_of_the_first_rows() -> None:
    recorded = replace(SMALL, way="recorded")
    rows = [Row(SMALL, 10.0), Row(recorded, 1.0), Row(replace(SMALL, batch=9), 50.0)]
    assert ratios(rows)[0].endswith(": 0.1")
    assert ratios(rows)[2].endswith("not measured")


def test_it_needs_torch_alone() -> None:
    program = "import sys, benchmarks.gpu; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert REST & {name.partition(".")[0] for name in found.split()} == set()
