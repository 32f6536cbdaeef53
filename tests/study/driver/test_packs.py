"""How many trials share a process, and what becomes of them."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ray.exceptions import RayError
from rich.console import Console

from search_spaces.load import resolve
from search_spaces.schema import ProblemChoice, Resources, Study, Tune
from study.driver import packs, runner
from study.driver.packs import Packing, decided, share
from study.journal.events import TrialStatus
from study.journal.journal import Journal
from study.pack.rehearsal import Rehearsed
from study.trial.trial import run_trial
from tests.study.small_study import COMPLETES, DIVERGES, FAILS, LEARNING_RATE, small_study

FAST, SLOW = Rehearsed(alone=1.0, stacked=0.25, steps=100), Rehearsed(alone=1.0, stacked=1.1, steps=100)


def study(pack: Any = "auto", sampler: Any = "random", **changes: Any) -> Study:
    return small_study(resources=Resources(pack=pack), tune=Tune(trials=100, sampler=sampler, **changes))


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes that are tried, where a pack pays."""
    sizes: list[int] = []

    def rehearse(study: Study, size: int, folders: object) -> dict[str, Rehearsed]:
        sizes.append(size)
        return {"soft": FAST, "batch": SLOW, "reduction": FAST}

    monkeypatch.setattr(packs, "_rehearse", rehearse)
    return sizes


def decide(asked: Study, *, slots: int = 2, trials: int = 100) -> Packing:
    return decided(asked, slots=slots, trials=trials, folders=[])


@pytest.mark.parametrize(("pack", "size"), [(None, 1), (1, 1), (16, 16)])
def test_what_the_study_file_says_is_done(pack: Any, size: int, tried: list[int]) -> None:
    assert decide(study(pack)) == Packing(size)
    assert not tried


@pytest.mark.parametrize(
    ("asked", "slots", "trials", "size"),
    [
        (study(), 2, 100, 16),
        (study(), 16, 36, 3),
        (study(sampler="tpe"), 2, 32, 4),
        (study(max_concurrent=6), 2, 100, 3),
    ],
)
def test_as_many_are_tried_as_have_no_room(asked: Study, slots: int, trials: int, size: int, tried: list[int]) -> None:
    found = decide(asked, slots=slots, trials=trials)
    assert tried == [size] == [found.size]
    told = "a step takes 0.53 of its time (soft 0.25; batch 1.10; reduction 0.25)"
    assert found.reason == f"in packs of {size} {told}"


def test_where_all_have_room_nothing_is_tried(tried: list[int]) -> None:
    assert decide(study(), slots=16, trials=16) == Packing(1, "no packs: 16 trials at once will do")
    compiled = study()
    compiled = replace(compiled, training=replace(compiled.training, compile=True))
    assert "training.compile" in str(decide(compiled).reason)
    assert not tried


def test_what_does_not_pay_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "_rehearse", lambda *arguments: {"soft": SLOW})
    assert decide(study()) == Packing(1, "no packs: in packs of 16 a step takes 1.10 of its time (soft 1.10)")


def test_trials_that_are_over_sooner_than_packs_have_started_are_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    short = Rehearsed(alone=1e-3, stacked=0.25e-3, steps=100)
    monkeypatch.setattr(packs, "_rehearse", lambda *arguments: {"soft": short})
    told = "in packs of 16 a step takes 0.25 of its time (soft 0.25), but to start them takes 18 s, and saves 3.8 s"
    assert decide(study()) == Packing(1, f"no packs: {told}")


def test_what_cannot_be_measured_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*arguments: object) -> None:
        raise RayError("the node has died")

    monkeypatch.setattr(packs, "_rehearse", lost)
    found = decide(study())
    assert (found.size, found.reason) == (
        1, "no packs: whether they pay could not be measured (RayError: the node has died)",
    )  # fmt: skip


@pytest.mark.parametrize("size", [1, 3, 7, 16])
def test_a_pack_asks_for_no_more_than_a_trial(size: int) -> None:
    asked = share(Resources(cpu=1, gpu=0.5), Packing(size))
    assert size * asked["cpu"] <= 1 and size * asked["gpu"] <= 0.5
    assert asked["cpu"] == pytest.approx(1 / size, abs=1e-4)


def packed(*rates: float, pack: Any = 4, **changes: Any) -> Study:
    made = small_study(*rates, resources=Resources(pack=pack), **changes)
    return replace(made, tune=replace(made.tune, max_concurrent="auto"))


@pytest.mark.slow
@pytest.mark.ray
def test_a_packed_study_has_the_figures_of_an_unpacked_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever fails or diverges; and `auto` says what it has measured, and writes it down."""
    monkeypatch.setattr(packs, "PAYS", 100.0)  # whatever else this machine does
    monkeypatch.setattr(packs, "SECONDS_TO_START", -100.0)
    rates, said = (COMPLETES, FAILS, DIVERGES, COMPLETES / 2, COMPLETES / 3, COMPLETES / 4), io.StringIO()
    asked, console = packed(*rates, pack="auto", epochs=5), Console(file=said, width=300)
    assert runner.run(asked, directory=tmp_path / "study", console=console) == runner.Outcome()
    records = Journal(tmp_path / "study").trials()
    endings = [TrialStatus.COMPLETED, TrialStatus.FAILED, TrialStatus.DIVERGED, *[TrialStatus.COMPLETED] * 3]
    assert [records[f"{place:04d}"].status for place in range(6)] == endings
    [event] = [event for _, event in Journal(tmp_path / "study").events() if event["event"] == "packs"]
    assert event["reason"] in said.getvalue() and event["size"] == 3
    together = [metrics["pack/members"] for record in records.values() for _, _, metrics in record.history]
    assert max(together) > 1
    for place in (0, 3, 5):
        alone = run_trial(resolve(asked, {LEARNING_RATE: rates[place]}))
        for name, value in records[f"{place:04d}"].metrics.items():
            if isinstance(value, float) and not name.startswith(("time/", "memory/", "pack/")):
                assert value == pytest.approx(alone[name], rel=1e-10, abs=1e-14), name


@pytest.mark.slow
@pytest.mark.ray
def test_trials_of_a_pack_whose_process_is_lost_go_on_from_their_checkpoints(tmp_path: Path) -> None:
    (marks := tmp_path / "marks").mkdir()
    asked, said = packed(COMPLETES, COMPLETES / 2, epochs=20, pack=2), io.StringIO()
    asked = replace(asked, tune=replace(asked.tune, checkpoint_seconds=1e-3))
    dies = {"folder": str(marks), "times": 2, "calls": 20}
    asked = replace(asked, problem=ProblemChoice("tests.study.own_problems:dies_often", options=dies))
    outcome = runner.run(asked, directory=tmp_path / "study", console=Console(file=said, width=300))
    assert outcome == runner.Outcome()
    records = Journal(tmp_path / "study").trials().values()
    assert [(record.status, len(record.history)) for record in records] == [(TrialStatus.COMPLETED, 20)] * 2
    assert "(the process of its pack was lost)" in said.getvalue(), said.getvalue()
    assert len(list(marks.iterdir())) == 2
