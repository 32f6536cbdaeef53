import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import pytest

from study.search import optuna_file
from study.search.optuna_file import IDENT, OptunaFile, database
from tests.study.awkward import AWKWARD


@pytest.fixture
def search() -> optuna.Study:
    return optuna.create_study(study_name="some", directions=["minimize", "maximize"])


def told(search: optuna.Study, ident: str) -> optuna.trial.FrozenTrial:
    """A trial that has ended."""
    search.enqueue_trial({}, user_attrs={IDENT: ident})
    trial = search.ask()
    trial.suggest_float("rate", 0.0, 1.0)
    search.tell(trial, [1.0, 2.0])
    return search.trials[-1]


def test_trials_are_kept_once(search: optuna.Study, tmp_path: Path) -> None:
    path = tmp_path / "optuna.db"
    file, first = OptunaFile(search, database(path)), told(search, "0000")
    file.keep(first)
    file.keep(first)
    again = OptunaFile(search, database(path))
    again.keep(first)
    again.keep(told(search, "0001"))
    found = optuna.load_study(study_name="some", storage=database(path)).trials
    assert [trial.user_attrs[IDENT] for trial in found] == ["0000", "0001"]
    assert [trial.values for trial in found] == [[1.0, 2.0]] * 2
    assert [trial.params for trial in found] == [trial.params for trial in search.trials]


@pytest.mark.parametrize("name", AWKWARD)
def test_any_folder_has_its_own_file(search: optuna.Study, name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    OptunaFile(search, database(tmp_path / name / "optuna.db")).keep(told(search, "0000"))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with closing(sqlite3.connect(tmp_path / name / "optuna.db")) as connection:
        assert connection.execute("SELECT count(*) FROM trials").fetchone() == (1,)


def test_a_locked_file_is_written_later(search: optuna.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optuna_file, "SECONDS_TO_WAIT", 0.1)
    file = OptunaFile(search, database(tmp_path / "optuna.db"))
    with closing(sqlite3.connect(tmp_path / "optuna.db", isolation_level=None)) as reader:
        reader.execute("BEGIN EXCLUSIVE")
        file.keep(told(search, "0000"))
        assert len(file.waiting) == 1
        with pytest.raises(ValueError, match=r"Optuna cannot use it \(.*locked"):
            OptunaFile(search, file.file._storage)
        reader.execute("ROLLBACK")
        file.keep(told(search, "0001"))
        assert len(file.waiting) == 2  # not every trial waits for a lock
        file.write()
    assert not file.waiting
    assert [trial.user_attrs[IDENT] for trial in file.file.trials] == ["0000", "0001"]


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE studies",
        "UPDATE alembic_version SET version_num = 0",
        "ALTER TABLE trials DROP COLUMN state",
    ],
)
def test_a_file_without_what_optuna_needs_is_one_line(search: optuna.Study, tmp_path: Path, change: str) -> None:
    OptunaFile(search, database(tmp_path / "optuna.db"))
    with sqlite3.connect(tmp_path / "optuna.db") as connection:
        connection.execute(change)
    connection.close()
    with pytest.raises(ValueError, match=r"Optuna cannot use it \(.*\); end what holds it, or move it away") as caught:
        OptunaFile(search, database(tmp_path / "optuna.db"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("tables", ["", "CREATE TABLE something (else_)"])
def test_a_file_without_tables_gets_them(search: optuna.Study, tmp_path: Path, tables: str) -> None:
    with sqlite3.connect(tmp_path / "optuna.db") as connection:
        connection.execute(tables)
    connection.close()
    OptunaFile(search, database(tmp_path / "optuna.db")).keep(told(search, "0000"))


def test_another_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "optuna.db"
    path.write_text("something else " * 100, encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"optuna\.db: Optuna cannot use it \(.*not a database.*\); end what holds it, or move it"
    ):
        database(path)
