"""What journals say becomes the figures of a comparison: as trained and as projected, failures as the worst."""

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cnn_core.solvers import LevenbergMarquardt
from search_spaces.line_up import Entered
from search_spaces.load import dump_yaml, load_recorded
from search_spaces.schema import Study
from study.comparing.gather import gathered
from study.comparing.question import Question, asked
from study.comparison.result import Comparison, SearchResult, Source
from study.journal.events import TrialStatus
from study.journal.journal import Journal
from study.search.confirmation import confirming, read_earlier
from tests.study.competing import LEARNING_RATE, WEIGHT, competing

HEAVY = {"contestant": "heavy", LEARNING_RATE: 0.005}
PLAIN = {"contestant": "plain", LEARNING_RATE: 0.002}


def question() -> Question:
    study = replace(competing(), study="waves", projection=LevenbergMarquardt())
    return asked(
        "mine",
        [Entered(study, {"third": "contestants.third: it cannot"})],
        baselines=("plain",),
        studies=2,
        seeds=2,
        trials=2,
        seconds=None,
    )


def begin(directory: Path, study: Study) -> Journal:
    directory.mkdir()
    (directory / "study.yaml").write_text(dump_yaml(study), encoding="utf-8")
    journal = Journal(directory)
    journal.append("study-start", study=study.study, provenance={})
    return journal


def end(
    journal: Journal, trial: str, values: dict[str, Any], *, data: float = 1.0, projected: float | None = None,
    status: TrialStatus = TrialStatus.COMPLETED,
) -> None:  # fmt: skip
    journal.trial_start(trial, values=values, method=values["contestant"])
    metrics: dict[str, float | str] = {"time/cpu_s": 5.0, "time/train_cpu_s": 3.0, "time/projection_cpu_s": 2.0}
    metrics |= {"time/train_s": 3.5, "time/forward_s": 2.0, "time/step_s": 1.0, "time/projection_s": 2.5}
    metrics |= {"unknown/rate": 0.4, "unknown/rate_error": 0.2}
    for split, factor in (("validation", 1.0), ("test", 2.0)):
        metrics |= {f"{split}/data_mse": factor * data, f"{split}/constraint_mse": 0.1}
        metrics |= {f"{split}/relative_l2": factor * math.sqrt(data)}
        if projected is not None:
            metrics |= {f"projected/{split}/data_mse": factor * projected, f"projected/{split}/constraint_mse": 1e-9}
            metrics |= {f"projected/{split}/relative_l2": factor * math.sqrt(projected)}
    journal.trial_end(trial, status, metrics if status is TrialStatus.COMPLETED else {"time/cpu_s": 1.0})


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """The first search is confirmed, but for a trial that failed; the second has just begun."""
    asks = question()
    search = begin(tmp_path / "mine-waves-1", asks.search("waves", 1))
    end(search, "0000", HEAVY | {WEIGHT: 1.0}, data=0.04, projected=0.09)
    end(search, "0001", PLAIN, data=0.25, projected=0.16)
    end(search, "0002", HEAVY | {WEIGHT: 2.0}, data=0.09, projected=0.01)
    end(search, "0003", PLAIN, status=TrialStatus.FAILED)
    found = confirming({"mine-waves-1": read_earlier(tmp_path / "mine-waves-1")}, seeds=2)
    assert [*found.contestants] == ["heavy", "heavy.projected", "plain"]
    confirmation = begin(tmp_path / "mine-waves-1-confirm", found)
    for place, name in enumerate(found.contestants):
        for number, seed in enumerate((7, 8)):
            values, failed = {"contestant": name, "training.seed": seed}, (name, seed) == ("heavy", 8)
            status = TrialStatus.DIVERGED if failed else TrialStatus.COMPLETED
            errors = {"data": 0.01 * (place + 1), "projected": 0.0001 * (place + 1)}
            end(confirmation, f"000{place + 3 * number}", values, status=status, **errors)
    begin(tmp_path / "mine-waves-2", asks.search("waves", 2))
    return tmp_path


def comparison(runs: Path) -> Comparison:
    return gathered(question(), runs, run_of=lambda study, trial: f"run-{trial}")


def entry(runs: Path, label: str) -> tuple[SearchResult, ...]:
    return comparison(runs).problems[0].by_label[label].searches


def test_entries_are_contestants_as_trained_and_as_projected(runs: Path) -> None:
    found = comparison(runs)
    assert found.labels == ("heavy", "heavy + projection", "plain", "plain + projection")
    (problem,) = found.problems
    assert (problem.error, problem.constraint) == ("test/relative_l2", "test/constraint_mse")
    assert problem.validation == "validation/data_mse" and problem.refused == {"third": "it cannot"}
    assert (found.baselines, found.studies, found.seeds, found.trials) == (("plain",), 1, 2, 2)  # one search so far


def test_what_a_search_chose_depends_on_whether_it_is_projected(runs: Path) -> None:
    trained, projected = (entry(runs, label)[0] for label in ("heavy", "heavy + projection"))
    assert trained.chosen == Source("mine-waves-1", "0000", "run-0000")
    assert projected.chosen == Source("mine-waves-1", "0002", "run-0002")
    assert projected.settings == {LEARNING_RATE: 0.005, WEIGHT: 2.0}
    assert [one.value for one in trained.trials] == [0.04, 0.09]
    assert [one.cpu_seconds for one in projected.trials] == [5.0, 10.0]


def test_a_network_as_trained_does_not_pay_for_projections(runs: Path) -> None:
    (trained,) = entry(runs, "heavy")
    assert [one.cpu_seconds for one in trained.trials] == [3.0, 6.0]


def test_a_trial_that_failed_costs_and_has_no_value(runs: Path) -> None:
    tried = entry(runs, "plain")[0].trials
    assert [one.value for one in tried] == [0.25, math.inf]
    assert [one.cpu_seconds for one in tried] == [3.0, 4.0]


def test_what_was_chosen_is_confirmed_as_what_it_was_chosen_as(runs: Path) -> None:
    trained, projected = (entry(runs, label)[0].confirmed for label in ("heavy", "heavy + projection"))
    assert [(run.seed, run.source.trial) for run in projected] == [(7, "0001"), (8, "0004")]
    assert projected[0].errors["test/relative_l2"] == pytest.approx(2 * math.sqrt(0.0002))
    assert (projected[0].training_seconds, projected[0].projection_seconds) == (3.0, 2.0)
    assert (trained[0].training_seconds, trained[0].projection_seconds) == (3.0, 0.0)
    assert [run.failed for run in trained] == [False, True]
    assert [run.validation for run in (*trained, *projected)] == [0.01, math.inf, 0.0002, 0.0002]


def test_what_was_chosen_as_trained_knows_what_its_projection_made_of_it(runs: Path) -> None:
    trained, projected = (entry(runs, label)[0].confirmed for label in ("heavy", "heavy + projection"))
    assert trained[0].errors["test/relative_l2"] == pytest.approx(2 * math.sqrt(0.01))
    assert trained[0].after["test/relative_l2"] == pytest.approx(2 * math.sqrt(0.0001))
    assert [run.after for run in (*trained[1:], *projected)] == [{}, {}, {}]


def test_unknowns_are_known_of_those_that_ended_well(runs: Path) -> None:
    trained, projected = (entry(runs, label)[0].confirmed for label in ("heavy", "heavy + projection"))
    found = {"unknown/rate": 0.4, "unknown/rate_error": 0.2}
    assert [run.unknowns for run in (*trained, *projected)] == [found, {}, found, found]


def test_sections_are_those_of_the_network(runs: Path) -> None:
    trained, projected = (entry(runs, label)[0].confirmed for label in ("heavy", "heavy + projection"))
    assert trained[0].sections == {"forward": 2.0, "step": 1.0, "other": 0.5}
    assert projected[0].sections == {"forward": 2.0, "step": 1.0, "other": 0.5, "projection": 2.5}
    assert trained[1].sections == {}


def test_a_run_that_diverged_is_inf(runs: Path) -> None:
    problem = comparison(runs).problems[0]
    assert problem.by_label["heavy"].errors(problem.error, studies=1, seeds=2) == ((pytest.approx(0.2), math.inf),)
    assert problem.by_label["plain + projection"].searches[0].confirmed[0].source.trial == "0002"


def test_a_search_counts_when_it_is_confirmed(runs: Path) -> None:
    assert [len(one.searches) for one in comparison(runs).problems[0].entries] == [1] * 4
    shutil.rmtree(runs / "mine-waves-1-confirm")
    assert gathered(question(), runs).problems == ()


def test_before_anything_ran_there_is_nothing(tmp_path: Path) -> None:
    assert gathered(question(), tmp_path).problems == ()


def changed(runs: Path, **changes: Any) -> Path:
    """The first search as if its study had been another one."""
    path = runs / "mine-waves-1" / "study.yaml"
    study = load_recorded(path)
    tune = replace(study.tune, seconds=changes.pop("seconds", None))
    path.write_text(dump_yaml(replace(study, tune=tune, **changes)), encoding="utf-8")
    return runs


def test_projected_networks_that_came_too_late_are_no_draws(runs: Path) -> None:
    trained, projected = (entry(changed(runs, seconds=4.0), label)[0] for label in ("heavy", "heavy + projection"))
    assert [one.value for one in trained.trials] == [0.04, 0.09]
    assert [(one.value, one.cpu_seconds) for one in projected.trials] == [(0.09, 5.0)]
    assert projected.chosen == Source("mine-waves-1", "0000", "run-0000")


def test_who_has_nothing_to_choose_is_judged_by_nothing(runs: Path) -> None:
    trained, projected = (
        entry(changed(runs, bounds={"projected/validation/data_mse": 1e-9}), label)[0]
        for label in ("heavy", "heavy + projection")
    )
    assert (projected.chosen, projected.confirmed) == (None, ())
    assert trained.chosen is not None and trained.confirmed


def test_what_failed_before_its_projection_costs_what_it_took(runs: Path) -> None:
    journal = Journal(runs / "mine-waves-1-confirm")
    values = {"contestant": "plain", "training.seed": 9}
    journal.trial_start("0006", values=values, method="plain")
    journal.trial_end("0006", TrialStatus.FAILED, {"time/train_cpu_s": 3.0})
    run = entry(runs, "plain + projection")[0].confirmed[-1]
    assert (run.seed, run.failed, run.seconds) == (9, True, 3.0)


def test_it_ended_when_its_last_trial_did(runs: Path) -> None:
    assert comparison(runs).ended is None
    alone = replace(question(), studies=1)
    ended = gathered(alone, runs).ended
    records = Journal(runs / "mine-waves-1-confirm").trials().values()
    assert ended == max(record.ended or 0.0 for record in records)
