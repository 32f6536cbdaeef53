"""Study files whose problem contradicts itself; the shipped ones are silent."""

from dataclasses import replace
from pathlib import Path

import pytest

from cnn_core.problems import PROBLEMS, Problem, helmholtz
from search_spaces.doubts import doubts
from search_spaces.load import load_study, shipped_spaces
from tests.search_spaces.files import load


@pytest.mark.parametrize("space", shipped_spaces())
def test_shipped_files_are_silent(space: str) -> None:
    assert doubts(load_study(space)) == []


def wrong() -> Problem:
    return replace(helmholtz(), residual=lambda u, x, p: {"helmholtz": u.laplacian[0] - u.value[0]})


def test_a_residual_with_a_mistake_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROBLEMS, "helmholtz", wrong)
    (line,) = doubts(load(tmp_path))
    assert line.startswith("problem 'helmholtz': the exact solution does not satisfy the residual 'helmholtz': it is ")
