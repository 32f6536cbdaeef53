import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow.fs import FileSystem, LocalFileSystem

from search_spaces.load import StudyFileError, load_recorded
from study.journal import locks, study_folder
from study.journal.journal import Journal
from study.journal.study_folder import Place, Whereabouts
from tests.study.awkward import AWKWARD
from tests.study.small_study import COMPLETES, small_study

ROOT = Path(__file__).parents[3]


def test_a_directory_is_claimed_once(tmp_path: Path) -> None:
    claimed = study_folder.claim(tmp_path / "runs", "mine")
    assert claimed == tmp_path / "runs" / "mine"
    assert claimed.is_dir()
    with pytest.raises(FileExistsError, match=r"runs/mine: a study of this name exists already; write another --name"):
        study_folder.claim(tmp_path / "runs", "mine")


def test_a_name_that_need_not_be_exact_is_numbered(tmp_path: Path) -> None:
    names = [study_folder.claim(tmp_path, "mine", exact=False).name for _ in range(3)]
    assert names == ["mine", "mine-2", "mine-3"]


@pytest.mark.parametrize("name", ["", "a/b", "..", "-x", "with space"])
def test_a_name_that_is_no_folder_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--name is '.*'; write letters, digits, '\.', '_' and '-', e\.g\. my-study"):
        study_folder.claim(tmp_path, name)


@pytest.mark.parametrize("name", ["mlflow.db", "mlflow.db-wal", "mlartifacts"])
def test_what_lies_beside_the_studies_is_no_name_of_a_study(name: str, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=rf"--name is {name}, where MLflow's own files lie in runs/; write another name"
    ):
        study_folder.claim(tmp_path, name, exact=False)
    assert not list(tmp_path.iterdir())


def test_a_long_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--name has 300 letters; write at most 100"):
        study_folder.claim(tmp_path, "x" * 300)
    assert study_folder.claim(tmp_path, "x" * 100).is_dir()


@pytest.mark.parametrize("name", AWKWARD)
def test_a_place_in_any_folder_is_that_folder(name: str, tmp_path: Path) -> None:
    for place in (Place.of(tmp_path / name / "mine", None), Place.of(tmp_path / "mine", str(tmp_path / name))):
        files, folder = FileSystem.from_uri(place.trials)
        assert isinstance(files, LocalFileSystem)
        assert folder.startswith(f"{tmp_path / name}/")


@pytest.mark.parametrize("storage", ["s3://bucket/folder?region=x", "file:///shared#1"])
def test_a_storage_with_options_is_refused(storage: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--storage is .*, whose options would not reach .*; leave out what stands"):
        Place.of(tmp_path, storage)


def test_what_names_servers_is_for_the_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").touch(0o644)  # of an earlier version
    study_folder.begin(tmp_path, small_study(), Whereabouts(Place.of(tmp_path, None), "auto", "http://there"))
    assert (tmp_path / "records.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        ValueError, match=r"file/runs: results cannot be written there \(Not a directory\); choose another"
    ):
        study_folder.claim(tmp_path / "file" / "runs", "mine")


def test_a_study_that_another_process_runs_is_left_alone(tmp_path: Path) -> None:
    with (
        study_folder.only_runner(tmp_path),
        pytest.raises(ValueError, match="another process runs this study; wait until it has ended"),
        study_folder.only_runner(tmp_path),
    ):
        pass


def test_the_lock_of_a_study_goes_with_its_process(tmp_path: Path) -> None:
    imports = "from study.journal.study_folder import only_runner; from pathlib import Path"
    code = f"{imports}\nwith only_runner(Path({str(tmp_path)!r})):\n"
    dies = f"{code}    import os; os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", dies], cwd=ROOT, check=False).returncode == -signal.SIGKILL
    with study_folder.only_runner(tmp_path):
        pass


def test_a_study_that_was_moved_is_found_again(tmp_path: Path) -> None:
    for storage in (None, "s3://bucket/folder"):
        place = Place.of(tmp_path / "here", storage)
        moved = Place.again(tmp_path / "there", str(place))
        assert moved == (place if storage else Place.of(tmp_path / "there", None))
        assert moved.trials == (f"{place}/trials" if storage else f"{tmp_path}/there/trials")


def test_ray_keeps_its_files_with_the_study_or_in_a_shared_storage(tmp_path: Path) -> None:
    assert Place.of(tmp_path, None) == Place(str(tmp_path), "ray")
    shared = Place.of(tmp_path / "mine", "s3://bucket/folder")
    assert shared.storage == "s3://bucket/folder"
    assert shared.name.startswith("mine-")


def here(directory: Path) -> Whereabouts:
    return Whereabouts(Place.of(directory, None))


def test_from_its_beginning_a_study_says_where_it_is(tmp_path: Path) -> None:
    study, where = small_study(COMPLETES), Whereabouts(Place.of(tmp_path, "s3://bucket/folder"), "auto", "http://there")
    study_folder.begin(tmp_path, study, where)
    assert load_recorded(tmp_path / "study.yaml") == study
    assert study_folder.whereabouts(tmp_path) == where
    there = Whereabouts(where.place, "10.0.0.1:6379", modules=("/mine", "/here"))
    study_folder.begin(tmp_path, study, there)
    assert study_folder.whereabouts(tmp_path) == there


def test_a_study_without_a_journal_is_here(tmp_path: Path) -> None:
    assert study_folder.whereabouts(tmp_path) == Whereabouts(Place.of(tmp_path, None), "local", None)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_a_refused_study_left_is_removed(error: type[BaseException], tmp_path: Path) -> None:
    directory = study_folder.claim(tmp_path, "mine")
    with pytest.raises(error), study_folder.asked_for(directory):
        study_folder.begin(directory, small_study(), here(directory))
        for name in ("optuna.db", "optuna.db-journal", "study.yaml.new"):
            (directory / name).touch()
        raise error
    assert not directory.exists()


def test_what_was_there_before_a_refused_study_stays(tmp_path: Path) -> None:
    (tmp_path / "optuna.db").write_text("mine")
    with pytest.raises(ValueError), study_folder.asked_for(tmp_path):
        study_folder.begin(tmp_path, small_study(), here(tmp_path))
        raise ValueError
    assert [path.name for path in tmp_path.iterdir()] == ["optuna.db"]


def test_a_start_that_was_killed_half_way_leaves_no_study(tmp_path: Path) -> None:
    Journal(tmp_path).append("study-start", study="mine")
    with pytest.raises(ValueError), study_folder.asked_for(tmp_path):
        study_folder.begin(tmp_path, small_study(), here(tmp_path))
        raise ValueError
    assert [path.name for path in tmp_path.iterdir()] == ["records.jsonl"]


def test_a_folder_that_another_process_removed_is_not_made_a_file(tmp_path: Path) -> None:
    with (
        pytest.raises(StudyFileError, match="gone: there is no such study"),
        study_folder.only_runner(tmp_path / "gone"),
    ):
        pass
    with pytest.raises(OSError), locks.locked_folder(tmp_path / "gone", busy="busy"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_study_that_began_stays_whatever_becomes_of_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError), study_folder.asked_for(tmp_path) as asked:
        study_folder.begin(tmp_path, small_study(), here(tmp_path))
        asked.keep()
        raise ValueError
    assert [event["event"] for _, event in Journal(tmp_path).events()] == ["study-start"]
    assert (tmp_path / "study.yaml").exists()


@pytest.mark.parametrize("left", [("study.yaml.new",), ("study.yaml.new", "records.jsonl")])
def test_a_name_is_free_again_if_its_start_was_killed(left: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for name in left:
        (tmp_path / "mine" / name).touch()
    assert study_folder.claim(tmp_path, "mine") == tmp_path / "mine"


@pytest.mark.parametrize("holds", ["study.yaml", "notes.txt"])
def test_a_folder_with_something_in_it_is_not_taken_over(holds: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / holds).touch()
    with pytest.raises(FileExistsError, match="exists already; write another --name"):
        study_folder.claim(tmp_path, "mine")
    assert study_folder.claim(tmp_path, "mine", exact=False) == tmp_path / "mine-2"


def test_a_folder_that_a_process_is_at_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "study.yaml.new").touch()
    with study_folder.only_runner(tmp_path / "mine"):
        assert study_folder.claim(tmp_path, "mine", exact=False) == tmp_path / "mine-2"
