"""Whatever breaks between a journal and MLflow, and wherever: nothing is lost and nothing is there twice."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from search_spaces.load import resolve
from search_spaces.schema import Study
from study.journal.events import TrialStatus
from study.journal.files import BOOKMARKS, JOURNAL
from study.journal.journal import Journal
from study.journal.record import TrialRecord
from study.report import trial_plots
from study.report.trial_plots import CONVERGENCE, PREDICTION
from study.tracking import content, mirror, outbox
from study.tracking.bookmark import Bookmark
from study.tracking.mirror import Mirror
from tests.study import tracked_study
from tests.study.tracked_study import SOFT, UNCONSTRAINED
from tests.study.tracking.memory_store import Broken, MemoryStore

known: dict[str, Study] = {}


def resolve_once(study: Study, values: Mapping[str, Any]) -> Study:
    key = str(values)
    if key not in known:
        known[key] = resolve(study, values)
    return known[key]


def draw_nothing(record: TrialRecord, folder: Path, target: Path) -> Mapping[str, str]:
    there = {CONVERGENCE: bool(record.history), PREDICTION: (folder / "predictions.npz").exists()}
    return {name: "" for name, drawn in there.items() if drawn}


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of uploads: draw nothing, and resolve every trial once."""
    monkeypatch.setattr(mirror, "resolve", resolve_once)
    monkeypatch.setattr(trial_plots, "draw", draw_nothing)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "study"
    tracked_study.fill(directory)
    return directory


def new_mirror(directory: Path, store: MemoryStore) -> Mirror:
    return Mirror(directory, tracked_study.study(), store)  # type: ignore[arg-type]


def upload(mirror: Mirror) -> None:
    """Everything, the plots included."""
    mirror.advance()
    while mirror.draw():
        pass


def uninterrupted(directory: Path) -> dict[str, dict[str, Any]]:
    store = MemoryStore()
    upload(new_mirror(directory, store))
    (directory / BOOKMARKS).unlink()
    return store.by_name()


@pytest.mark.parametrize("takes_effect", [False, True])
def test_an_upload_that_broke_anywhere_is_completed_by_the_next(directory: Path, takes_effect: bool) -> None:
    whole = uninterrupted(directory)
    store = MemoryStore()
    upload(new_mirror(directory, store))
    calls = store.calls
    assert calls > 30
    for position in range(1, calls + 1):
        (directory / BOOKMARKS).unlink(missing_ok=True)
        store = MemoryStore()
        store.breaks_at, store.takes_effect = position, takes_effect
        with pytest.raises(Broken):
            upload(new_mirror(directory, store))
        upload(new_mirror(directory, store))
        assert store.by_name() == whole, f"after breaking at call {position}"


def test_a_journal_that_is_followed_line_by_line_gives_the_same_runs(directory: Path, tmp_path: Path) -> None:
    whole = uninterrupted(directory)
    lines = (directory / JOURNAL).read_text(encoding="utf-8").splitlines(keepends=True)
    (directory / JOURNAL).write_text("", encoding="utf-8")
    store, following = MemoryStore(), None
    for number, line in enumerate(lines):
        with (directory / JOURNAL).open("a", encoding="utf-8") as file:
            file.write(line[: len(line) // 2])
            file.flush()
            if following is None or number % 4 == 0:
                following = new_mirror(directory, store)
            upload(following)
            file.write(line[len(line) // 2 :])
        upload(following)
    for run in (*whole.values(), *(found := store.by_name()).values()):
        run["tags"].pop("mlflow.note.content", None)
    assert found == whole


@pytest.mark.parametrize("forgotten", [False, True])
def test_epochs_that_a_resumed_trial_repeats_are_there_once(directory: Path, forgotten: bool) -> None:
    store, journal = MemoryStore(), Journal(directory)
    following = new_mirror(directory, store)
    following.advance()
    tracked_study.begin(journal, "0007", SOFT, data=0.5, constraint=0.5, epochs=3)
    following.advance()
    tracked_study.begin(journal, "0007", SOFT, data=0.5, constraint=0.5, epochs=4)
    (new_mirror(directory, store) if forgotten else following).advance()
    points = [point for point in store.by_name()["0007 soft"]["metrics"] if point[0] == "validation/data_mse"]
    assert sorted(step for _, _, _, step in points) == [1, 2, 3, 4]


def test_a_value_that_is_written_in_another_way_later_stays_as_it_was(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    upload(new_mirror(directory, store))
    before = store.by_name()
    (directory / BOOKMARKS).unlink()
    monkeypatch.setattr(content, "trial_parameters", lambda settings: {"training.epochs": "3.0"})
    upload(new_mirror(directory, store))
    assert store.by_name() == before


def test_an_empty_journal_makes_no_runs(tmp_path: Path) -> None:
    store = MemoryStore()
    assert new_mirror(tmp_path, store).advance() == 0
    new_mirror(tmp_path, store).close()
    assert not new_mirror(tmp_path, store).draw()
    assert store.content == {}


def test_a_run_that_was_deleted_stays_deleted(directory: Path) -> None:
    store = MemoryStore()
    new_mirror(directory, store).advance()
    deleted = next(run for run, content in store.content.items() if content["name"] == "0006 unconstrained")
    del store.content[deleted]
    Journal(directory).epoch("0006", 3, {"validation/data_mse": 0.1})
    Journal(directory).trial_end("0006", TrialStatus.COMPLETED, {"validation/data_mse": 0.1})
    new_mirror(directory, store).advance()
    assert "0006 unconstrained" not in store.by_name()


def test_a_bookmark_of_a_database_that_was_replaced_is_forgotten(directory: Path) -> None:
    whole = uninterrupted(directory)
    other = MemoryStore()
    other.create("1", "something else", 0, {})
    new_mirror(directory, other).advance()
    store = MemoryStore()
    new_mirror(directory, store).advance()
    assert store.by_name().keys() == whole.keys()


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"memory://": 3}', '{"memory://": {"offset": "x", "newer": 1}}', "\xff"]
)
def test_a_damaged_bookmark_is_the_beginning(directory: Path, text: str) -> None:
    whole = uninterrupted(directory)
    (directory / BOOKMARKS).write_text(text, encoding="latin-1")
    assert Bookmark.read(directory, "memory://") == Bookmark()
    store = MemoryStore()
    upload(new_mirror(directory, store))
    assert store.by_name() == whole


def test_a_trial_that_was_given_up_is_shown_as_lost_and_goes_on(directory: Path) -> None:
    store, journal = MemoryStore(), Journal(directory)
    tracked_study.begin(journal, "0007", SOFT, data=0.5, constraint=0.5, epochs=2)
    journal.trial_end("0007", TrialStatus.LOST, {}, "its process was lost 4 times in a row after epoch 2")
    following = new_mirror(directory, store)
    following.advance()
    run = store.by_name()["0007 soft"]
    assert (run["status"], run["tags"]["status"]) == ("FAILED", "lost")
    assert run["tags"]["error"].startswith("its process was lost 4 times")
    assert len(following.records["0007"].history) == 2
    tracked_study.begin(journal, "0007", SOFT, data=0.5, constraint=0.5, epochs=3)
    following.advance()
    assert store.by_name()["0007 soft"]["status"] == "RUNNING"


def test_a_trial_that_goes_on_is_filed_when_it_ends(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filed: list[str] = []
    monkeypatch.setattr(Mirror, "_file", lambda self, trial: filed.append(trial))
    journal = Journal(directory)
    for _ in range(2):
        journal.trial_start("0006", values=UNCONSTRAINED, method="unconstrained")
        journal.trial_end("0006", TrialStatus.STOPPED, {})
    new_mirror(directory, MemoryStore()).advance()
    assert sorted(filed) == ["0001", "0002", "0003", "0004", "0005", "0006"]


def test_an_error_that_a_trial_went_on_after_is_told_no_more(directory: Path) -> None:
    journal = Journal(directory)
    journal.trial_end("0006", TrialStatus.LOST, {}, "its process was lost 4 times in a row after epoch 2")
    store = MemoryStore()
    new_mirror(directory, store).advance()
    lost = store.by_name()["0006 unconstrained"]
    assert (lost["status"], lost["tags"]["status"]) == ("FAILED", "lost")
    assert lost["tags"]["error"].startswith("its process was lost")
    journal.trial_start("0006", values=UNCONSTRAINED, method="unconstrained")
    journal.trial_end("0006", TrialStatus.COMPLETED, {"validation/data_mse": 0.3, "status": "completed"})
    new_mirror(directory, store).advance()
    completed = store.by_name()["0006 unconstrained"]
    assert (completed["status"], completed["tags"]["status"], "error" in completed["tags"]) == (
        "FINISHED", "completed", False
    )  # fmt: skip


def test_a_plot_that_cannot_be_drawn_is_told_and_holds_nothing_up(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_plots, "draw", lambda *_: {CONVERGENCE: "", PREDICTION: "KeyError: 'u'"})
    store = MemoryStore()
    upload(new_mirror(directory, store))
    run = store.by_name()["0002 batch"]
    assert run["tags"]["missing/prediction.png"] == "KeyError: 'u'"
    assert "convergence.png" in run["files"]


def test_histories_are_dropped_from_memory_when_their_trial_has_ended(directory: Path) -> None:
    ended = new_mirror(directory, MemoryStore())
    ended.advance()
    lengths = {trial: len(record.history) for trial, record in ended.records.items()}
    assert lengths == {"0001": 1, "0002": 1, "0003": 1, "0004": 1, "0005": 0, "0006": 2}


def test_metrics_of_many_trials_at_once_are_sent_in_full_requests(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "METRICS_AT_ONCE", 30)
    journal, sizes = Journal(directory), []
    for trial in ("0007", "0008", "0009"):
        journal.trial_start(trial, values=SOFT, method="soft")
    for epoch in range(1, 31):
        for trial in ("0007", "0008", "0009"):
            journal.epoch(trial, epoch, {"train/data_mse": 1.0, "validation/data_mse": 2.0, "time/train_s": 3.0})
    store = MemoryStore()
    store.add = lambda run, points: sizes.append(len(points))  # type: ignore[method-assign]
    new_mirror(directory, store).advance()
    assert sizes.count(30) == 9


def test_many_metrics_are_sent_in_few_requests(directory: Path) -> None:
    journal = Journal(directory)
    tracked_study.begin(journal, "0007", SOFT, data=1.0, constraint=1.0, epochs=100)
    sent: dict[str, int] = defaultdict(int)
    store = MemoryStore()
    store.add = lambda run, points: sent.update({run: sent[run] + 1})  # type: ignore[method-assign]
    new_mirror(directory, store).advance()
    assert sum(sent.values()) <= 8


def test_the_code_of_a_study_is_kept_beside_its_file(directory: Path) -> None:
    (directory / "code" / "0123").mkdir(parents=True)
    store = MemoryStore()
    new_mirror(directory, store).advance()
    assert store.by_name()["study"]["files"] == ["code", "study.yaml"]


def test_a_study_of_many_trials_is_described_now_and_then(directory: Path) -> None:
    journal = Journal(directory)
    for number in range(100, 150):
        tracked_study.complete(journal, f"0{number}", SOFT, data=0.5, constraint=0.5)
    store, described = MemoryStore(), 0

    def log(run: str, *, tags: Mapping[str, str] = {}, parameters: Mapping[str, str] = {}) -> None:
        nonlocal described
        described += "mlflow.note.content" in tags

    store.log = log  # type: ignore[method-assign]
    new_mirror(directory, store).advance()
    assert described == 1


def test_trials_that_end_while_files_are_uploaded_are_there_after_it(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, store, file = Journal(directory), MemoryStore(), Mirror._file
    waiting = ["0008", "0007"]

    def file_and_end_another(self: Mirror, trial: str) -> None:
        file(self, trial)
        if waiting:
            tracked_study.complete(journal, waiting.pop(), SOFT, data=0.01, constraint=0.01)

    monkeypatch.setattr(Mirror, "_file", file_and_end_another)
    following = new_mirror(directory, store)
    following.advance()
    runs = store.by_name()
    assert "trial.yaml" in runs["0008 soft"]["files"]
    assert "4 completed" in runs["study"]["tags"]["mlflow.note.content"]
    assert Bookmark.read(directory, store.tracking_uri) == following.bookmark
    assert following.bookmark.offset == journal.path.stat().st_size
    assert following.bookmark.unfiled == []
