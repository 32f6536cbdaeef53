"""Training data drawn anew: rows with replacement within each wave, or values with their errors once more."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cnn_core.domains import Box
from cnn_core.problems import Problem
from search_spaces import modules
from search_spaces.bootstrap import drawn_anew
from search_spaces.data_files import noise, observed
from search_spaces.errors import StudyFileError
from search_spaces.observations import Observations
from search_spaces.schema import DataSplit

COUNT = 6000
WAVE = torch.arange(COUNT) % 3
ALONE = Problem("own", Box({"x": (0.0, 1.0)}), (), ("u",), lambda u, x, p: {"slope": u["x"][0]})
FAMILY = replace(ALONE, parameters=("k",), residual=lambda u, x, p: {"slope": p[0] * u["x"][0]})


def observations(*, deviation: bool = True) -> Observations:
    """Row n is at x = n, of the value 10 n, with the standard deviation 1 + wave."""
    x = torch.arange(COUNT, dtype=torch.float64)[:, None]
    known = (1.0 + WAVE.double())[:, None] if deviation else None
    return Observations(x, x.new_zeros(COUNT, 0), 10 * x, known, torch.arange(COUNT))


def test_every_wave_keeps_its_number_of_rows_and_rows_stay_whole() -> None:
    found = drawn_anew(observations(), WAVE, "rows", seed=0)
    assert torch.equal(found.u, 10 * found.x) and torch.equal(found.x[:, 0], found.rows.double())
    assert found.deviation is not None and torch.equal(found.deviation[:, 0], 1.0 + found.rows % 3)
    assert torch.bincount(found.rows % 3).tolist() == [COUNT // 3] * 3


def test_of_many_rows_one_in_e_is_left_out() -> None:
    times = torch.bincount(drawn_anew(observations(), WAVE, "rows", seed=0).rows, minlength=COUNT)
    assert float((times == 0).double().mean()) == pytest.approx(0.368, abs=0.02)
    assert float(times.double().var()) == pytest.approx(1.0, abs=0.1)


def test_errors_are_added_with_their_standard_deviations_and_counted_twice() -> None:
    before = observations()
    found = drawn_anew(before, WAVE, "errors", seed=0)
    assert before.deviation is not None and found.deviation is not None
    added = (found.u - before.u) / before.deviation
    assert float(added.mean()) == pytest.approx(0.0, abs=0.05) and float(added.std()) == pytest.approx(1.0, abs=0.05)
    assert torch.allclose(found.deviation, 2**0.5 * before.deviation) and torch.equal(found.x, before.x)


@pytest.mark.parametrize("bootstrap", ["rows", "errors"])
def test_a_seed_draws_the_same_again_and_another_one_others(bootstrap: str) -> None:
    first, again, other = (drawn_anew(observations(), WAVE, bootstrap, seed=seed) for seed in (3, 3, 4))  # type: ignore[arg-type]
    assert torch.equal(first.u, again.u) and not torch.equal(first.u, other.u)


def test_errors_that_nobody_knows_are_asked_for() -> None:
    with pytest.raises(StudyFileError, match=r"not every value has a standard deviation; add columns like u_error"):
        drawn_anew(observations(deviation=False), WAVE, "errors", seed=0)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(modules, "folders", [str(tmp_path)])
    return tmp_path / "data.csv"


def test_a_split_draws_its_rows_by_wave(file: Path) -> None:
    file.write_text("x,k,u\n0.1,1,1\n0.2,2,2\n0.3,2,3\n0.4,2,4\n", encoding="utf-8")
    split = DataSplit({}, file="data.csv", bootstrap="rows")
    found = [observed(FAMILY, split, seed=seed) for seed in range(20)]
    assert {one.wave_sizes for one in found if one} == {(1, 3)}
    assert len({tuple(one.u.flatten().tolist()) for one in found if one}) > 5


def test_noise_is_that_of_what_was_drawn(file: Path) -> None:
    file.write_text("x,u,u_error\n0.1,1,0.1\n0.2,2,0.1\n", encoding="utf-8")
    split = DataSplit({}, file="data.csv")
    assert noise(ALONE, split) == pytest.approx(0.01)
    assert noise(ALONE, replace(split, bootstrap="rows"), seed=5) == pytest.approx(0.01)
    assert noise(ALONE, replace(split, bootstrap="errors"), seed=5) == pytest.approx(0.02)


def test_what_cannot_be_drawn_names_the_file(file: Path) -> None:
    file.write_text("x,u\n0.1,1\n0.2,2\n", encoding="utf-8")
    with pytest.raises(StudyFileError, match=r"^data.csv: bootstrap is errors, and not every value"):
        observed(ALONE, DataSplit({}, file="data.csv", bootstrap="errors"))
