"""The code that a study ran with is in its folder, and a change of it is told."""

from pathlib import Path

import pytest

from search_spaces.schema import Study
from study.journal import study_folder
from study.journal.files import CODE, STUDY
from study.journal.journal import Journal
from study.journal.own_code import code_changes, kept_for
from study.journal.study_folder import Place, Whereabouts, asked_for, begin
from tests.study.own_code import BEFORE, own_study, write
from tests.study.small_study import small_study


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.syspath_prepend(str(tmp_path))
    return own_study(tmp_path)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return study_folder.claim(tmp_path, "mine")


def start(directory: Path, study: Study) -> str | None:
    """Begin, or go on; returns the version that the journal has."""
    begin(directory, study, Whereabouts(Place.of(directory, None)))
    *_, (_, event) = Journal(directory).events()
    return event["provenance"].get(CODE)


def test_every_version_is_kept_and_a_change_is_told(study: Study, directory: Path, tmp_path: Path) -> None:
    first = start(directory, study)
    assert (directory / CODE / str(first) / "tide_waves.py").read_text(encoding="utf-8") == BEFORE
    assert (directory / CODE / str(first) / "tide_scale.py").exists()
    assert code_changes(directory, study) == []
    write(tmp_path, BEFORE + "# better\n")
    [line] = code_changes(directory, study)
    second = start(directory, study)
    assert line.startswith(
        f"mine: its own code has changed since trials ran with it, got code/{second} after code/{first}; "
    )
    assert {path.name for path in (directory / CODE).iterdir()} == {first, second}
    assert code_changes(directory, study) == []


def test_a_study_file_in_the_folder_finds_the_code_that_it_ran_with(
    study: Study, directory: Path, tmp_path: Path
) -> None:
    trials = [directory / "trials" / ident / "trial.yaml" for ident in ("00000", "00001", "00002")]
    assert kept_for(directory / STUDY) is None
    first = start(directory, study)
    journal = Journal(directory)
    for ident in ("00000", "00001"):
        journal.trial_start(ident, values={}, method="soft")
    write(tmp_path, BEFORE + "# better\n")
    second = start(directory, study)
    journal.trial_start("00001", values={}, method="soft")
    code = directory / CODE
    assert [kept_for(file) for file in trials] == [code / str(version) for version in (first, second, second)]
    assert kept_for(directory / STUDY) == code / str(second)
    assert kept_for(tmp_path / "trial.yaml") is None


def test_a_study_of_before_says_nothing_of_its_code(study: Study, directory: Path) -> None:
    Journal(directory).append("study-start", study="small", provenance={})
    assert code_changes(directory, study) == []


def test_a_problem_of_ours_has_no_code_to_keep(directory: Path) -> None:
    assert start(directory, small_study()) is None
    assert not (directory / CODE).exists()


def test_a_study_that_was_refused_leaves_no_code(study: Study, directory: Path) -> None:
    with pytest.raises(RuntimeError), asked_for(directory):
        start(directory, study)
        raise RuntimeError
    assert not directory.exists()
