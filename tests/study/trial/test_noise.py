"""What errors of measurement leave of the data error: told where a trial's file has them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from search_spaces.load import load_trial
from study.trial.trial import Trial, run_trial

DATA = "data.csv"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [f"{0.1 * index:.1f},{0.09 * index:.2f},0.5,{0.1 if index % 2 else 0.2}" for index in range(1, 10)]
    (path := tmp_path / DATA).write_text("\n".join(["x,t,u,u_error", *rows, ""]), encoding="utf-8")
    return path


def settings(file: Path, **others: Any) -> Mapping[str, Any]:
    files = {f"data.{name}.file": str(file) for name in ("train", "validation", "test")}
    return {"search": {}, "training.epochs": 1} | files | others


def test_it_is_told_of_every_split_although_the_file_is_gone_by_then(file: Path) -> None:
    trial = Trial(load_trial("heat-inverse", settings(file)))
    file.unlink()
    while not trial.done:
        trial.step()
    noise = {name: value for name, value in trial.finish().items() if name.startswith("noise/")}
    assert {*noise} == {"noise/train", "noise/validation", "noise/test"}
    assert all(0.01 <= float(value) <= 0.04 for value in noise.values())


def test_that_of_data_which_teach_nothing_is_left_out(file: Path) -> None:
    metrics = run_trial(
        load_trial("heat-inverse", settings(file, **{"training.roles": {"data": "measured", "start": "measured"}}))
    )
    assert "noise/train" not in metrics and "noise/test" in metrics
