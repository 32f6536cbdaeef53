"""A study that began with earlier defaults goes on with them; a new one has those of today."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnn_core.methods import Batch, NullSpace
from search_spaces.editions import CHANGES
from search_spaces.load import dump_yaml, load_recorded, load_study, load_text, load_trial, resolve
from search_spaces.schema import EDITION, Study
from tests.search_spaces.files import error_of, load, without_edition, write

METHOD = "training.method.name"
CHOSEN: Mapping[str, Any] = {f"search:{METHOD}": {"choice": ["soft", "batch", "null-space"]}}


def of_before(study: Study, path: Path) -> Path:
    """The file that a study wrote when there was one edition."""
    path.write_text(dump_yaml(study), encoding="utf-8")
    without_edition(path)
    return path


def test_a_variant_that_a_search_chooses_has_the_defaults_of_its_study(tmp_path: Path) -> None:
    study = load(tmp_path, CHOSEN)
    before = load_recorded(of_before(study, tmp_path / "before.yaml"))
    assert (before.edition, study.edition) == (1, EDITION)
    again = load_text(dump_yaml(before))  # resumed by this version: what it writes is still of that edition
    for one in (before, again):
        assert resolve(one, {METHOD: "batch"}).training.method == Batch(gain=1.0, damping=0.0)
        assert resolve(one, {METHOD: "null-space"}).training.method == NullSpace(damping=0.0)
    assert resolve(study, {METHOD: "batch"}).training.method == Batch()
    assert resolve(study, {METHOD: "null-space"}).training.method == NullSpace()


def test_what_is_given_stays(tmp_path: Path) -> None:
    study = load(tmp_path, CHOSEN)
    before = load_recorded(of_before(study, tmp_path / "before.yaml"))
    given = resolve(before, {METHOD: "batch", "training.method.damping": 0.5})
    assert given.training.method == Batch(gain=1.0, damping=0.5)
    assert resolve(given, {"training.method.gain": 0.2}).training.method == Batch(gain=0.2, damping=0.5)


def test_so_has_a_variant_that_a_contestant_sets(tmp_path: Path) -> None:
    contestants = {"exact": {"set": {METHOD: "batch"}}, "soft": {"set": {METHOD: "soft"}}}
    study = load(tmp_path, {"contestants": contestants})
    before = load_recorded(of_before(study, tmp_path / "before.yaml"))
    trials = [resolve(one, {"contestant": "exact"}).training.method for one in (before, study)]
    assert trials == [Batch(gain=1.0, damping=0.0), Batch()]


def test_a_file_may_ask_for_an_earlier_edition(tmp_path: Path) -> None:
    asked = load(tmp_path, {"edition": 1, "training.method": {"name": "batch"}})
    assert asked.training.method == Batch(gain=1.0, damping=0.0)
    assert error_of(tmp_path, {"edition": 9}).startswith("edition is 9; write")


def test_a_file_that_a_study_wrote_is_of_its_time_where_it_is_run_again(tmp_path: Path) -> None:
    study = load(tmp_path, CHOSEN)
    path = of_before(study, tmp_path / "before.yaml")
    for read in (load_study(path), load_text(path.read_text(encoding="utf-8"))):
        assert resolve(read, {METHOD: "batch"}).training.method == Batch(gain=1.0, damping=0.0)


def test_an_edition_that_is_set_is_that_of_the_whole_file(tmp_path: Path) -> None:
    path = write(tmp_path, {"training.method": {"name": "batch"}})
    for found in (load_study(path, {"edition": 1}), load_trial(path, {"edition": 1}), load_trial(path, edition=1)):
        assert found.training.method == Batch(gain=1.0, damping=0.0)
    path = write(tmp_path, {"edition": 1, "training.method": {"name": "batch"}})
    assert (
        load_study(path, {"edition": 2}).training.method == load_trial(path, {"edition": 2}).training.method == Batch()
    )
    assert load_trial(path, edition=2).training.method == Batch(gain=1.0, damping=0.0)


def test_editions_follow_each_other() -> None:
    assert [change.edition for change in CHANGES] == sorted(change.edition for change in CHANGES)
    assert {change.edition for change in CHANGES} == set(range(2, EDITION + 1))
