"""How one goes on with what lies in a folder."""

from pathlib import Path

import pytest

from study.journal.files import PROBLEMS, going_on


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """With a comparison `verdict` of the problem heat-source."""
    (tmp_path / "verdict" / PROBLEMS).mkdir(parents=True)
    (tmp_path / "verdict" / PROBLEMS / "heat-source.yaml").touch()
    return tmp_path


@pytest.mark.parametrize("name", ["verdict-heat-source-1", "verdict-heat-source-12-confirm"])
def test_a_study_of_a_comparison_goes_on_with_it(runs: Path, name: str) -> None:
    assert going_on(runs / name) == "compare --name verdict"


@pytest.mark.parametrize(
    "name",
    ["verdict-2", "verdict-heat-1", "verdict-heat-source", "verdict-heat-source-confirm", "other-heat-source-1", "a"],
)
def test_any_other_study_goes_on_by_itself(runs: Path, name: str) -> None:
    assert going_on(runs / name) == f"resume {name}"
