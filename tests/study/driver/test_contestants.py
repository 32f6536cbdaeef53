"""A study of contestants, from its file to its report: one that trains nothing and one that is pruned among them."""

from dataclasses import replace
from pathlib import Path

import pytest

from cnn_core.solvers import AdamProjection
from search_spaces.contestants import CONTESTANT
from search_spaces.load import load_recorded, resolve
from search_spaces.schema import Contestant, Scheduler, SearchedParameter, Study, Uniform
from study.analysis.findings import read_analysis
from study.driver.runner import resume, run
from study.journal.events import TrialStatus
from study.journal.journal import Journal
from study.journal.record import TrialRecord
from study.progress.status import trials_table
from study.report.files import write_report
from study.trial.trial import run_trial
from tests.study.competing import METHOD, competing
from tests.study.progress.test_status import text_of
from tests.study.small_study import LEARNING_RATE

FAST, SLOW = (SearchedParameter(Uniform(rate, 1.1 * rate)) for rate in (1e-2, 1e-12))
SCRATCH = Contestant({"training.epochs": 0, METHOD: "unconstrained"}, {"projection.learning_rate": FAST})


def compared() -> Study:
    """One learns; one stands still, and would be pruned if it were judged by the first one's trials."""
    asha = Scheduler("asha", metric="validation/data_mse", reduction_factor=2.0)
    study = competing(trials=6, tune={"scheduler": asha}, search={})
    learns = Contestant({METHOD: "soft"}, {LEARNING_RATE: FAST})
    stands = Contestant({METHOD: "unconstrained"}, {LEARNING_RATE: SLOW})
    return replace(
        study,
        contestants={"learns": learns, "stands.still": stands, "scratch": SCRATCH},
        projection=AdamProjection(max_steps=3, points=10),  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("runs") / "compared"
    assert run(compared(), directory=directory).error is None
    return directory


def trials(directory: Path) -> dict[str, TrialRecord]:
    return Journal(directory).trials()


@pytest.mark.ray
def test_trials_have_the_settings_and_the_names_of_their_contestants(directory: Path) -> None:
    study, records = load_recorded(directory / "study.yaml"), trials(directory)
    assert study == compared()
    names = ["learns", "stands.still", "scratch"]
    assert [record.method for record in records.values()] == names * 2
    assert [record.values[CONTESTANT] for record in records.values()] == names * 2
    alone = run_trial(resolve(study, records["0000"].values))
    costs = ("time/", "memory/")
    assert {name: value for name, value in records["0000"].metrics.items() if not name.startswith(costs)} == {
        name: value for name, value in alone.items() if not name.startswith(costs)
    }


@pytest.mark.ray
def test_each_is_judged_among_its_own(directory: Path) -> None:
    first = {
        name: next(one for one in trials(directory).values() if one.method == name) for name in compared().contestants
    }
    assert {name: record.status for name, record in first.items()} == dict.fromkeys(first, TrialStatus.COMPLETED)


@pytest.mark.ray
def test_all_that_is_shown_names_them(directory: Path) -> None:
    paths = write_report(directory)
    text = paths.html.read_text(encoding="utf-8")
    status = text_of(trials_table(directory))
    for name in compared().contestants:
        assert name in text and name in status
    rows = {(row.method, row.projected) for row in read_analysis(directory).leaderboard}
    assert rows == {
        ("learns", False),
        ("learns", True),
        ("stands.still", False),
        ("stands.still", True),
        ("scratch", False),
    }


@pytest.mark.ray
@pytest.mark.slow
def test_seconds_are_used_up_and_a_resumed_study_knows(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A CPU second is more than a trial needs, so that each has one or a few."""
    study = competing(trials=1000, tune={"seconds": 1e-4, "max_concurrent": "auto"})
    assert run(study, directory=tmp_path / "short").error is None
    told = capfd.readouterr().err
    records = trials(tmp_path / "short")
    assert 2 <= len(records) < 20
    for name in ("heavy", "plain"):
        own = sum(record.method == name for record in records.values())
        assert f"{name} used its 0.0001 s after {own} trial" in told
    assert resume(tmp_path / "short").error is None
    assert len(trials(tmp_path / "short")) == len(records)
