"""How one goes on with what lies in a folder."""

from pathlib import Path

from study.journal.files import QUESTION, going_on


def test_a_study_goes_on_by_itself_or_with_its_comparison(tmp_path: Path) -> None:
    assert going_on(tmp_path / "verdict-heat-source-1-confirm") == "resume verdict-heat-source-1-confirm"
    (tmp_path / "verdict").mkdir()
    (tmp_path / "verdict" / QUESTION).touch()
    assert going_on(tmp_path / "verdict-heat-source-1-confirm") == "compare --name verdict"
    assert going_on(tmp_path / "other-heat-source-1") == "resume other-heat-source-1"
