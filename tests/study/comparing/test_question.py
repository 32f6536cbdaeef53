"""What a comparison asks is kept before anything runs, and found again as it was."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search_spaces.line_up import Entered
from search_spaces.load import StudyFileError
from search_spaces.space import to_try
from study.comparing.question import QUESTION, Question, asked, claim_or_recall, kept, lengthened
from tests.search_spaces.files import without_edition
from tests.study.competing import competing

REASON = {"third": "contestants.third: it cannot"}


def question(name: str = "mine", **changes) -> Question:
    entered = [
        Entered(replace(competing(), study="waves"), REASON),
        Entered(replace(competing(), study="more-waves"), {}),
    ]
    how = {"baselines": ("plain",), "studies": 2, "seeds": 3, "trials": 4, "seconds": 60.0}
    return asked(name, entered, **how | changes)


def test_every_contestant_has_the_same_budget() -> None:
    for study in question().problems.values():
        assert to_try(study)[0] == 4 and study.tune.seconds == 60.0


def test_searches_differ_by_their_draws_and_seeds() -> None:
    asks = question()
    first, second = (asks.search("waves", number) for number in (1, 2))
    assert {first.tune.seed, second.tune.seed} == {1003, 2003}
    assert {first.training.seed, second.training.seed} == {1000, 2000}
    assert first.study == second.study == "mine"
    assert replace(first, tune=second.tune, training=second.training) == second


@pytest.mark.parametrize("seed", [0, 1001])
def test_no_search_has_the_seeds_of_another_whichever_their_problems(seed: int) -> None:
    asks = question(studies=3, seeds=100)
    own = {name: replace(one, training=replace(one.training, seed=seed)) for name, one in asks.problems.items()}
    asks = replace(asks, problems=own)
    searches = [asks.search(*one) for one in asks.rounds()]
    assert len({one.tune.seed for one in searches}) == len({one.training.seed for one in searches}) == 6
    fresh = [seed for one in asks.rounds() for seed in range(asks.first_seed(*one), asks.first_seed(*one) + 100)]
    assert len({*fresh, *(one.training.seed for one in searches)}) == 606


def test_every_problem_has_its_turn_before_one_is_searched_again() -> None:
    asks = question()
    assert asks.rounds() == [("waves", 1), ("more-waves", 1), ("waves", 2), ("more-waves", 2)]
    assert asks.confirmed("waves", 2) == "mine-waves-2-confirm"


def test_it_is_found_again(tmp_path: Path) -> None:
    asks = claim_or_recall(tmp_path, question())
    assert kept(tmp_path / "mine") == asks
    assert claim_or_recall(tmp_path, question()) == asks  # begun when it was


def test_one_of_before_editions_keeps_its_defaults(tmp_path: Path) -> None:
    claim_or_recall(tmp_path, question())
    for path in (tmp_path / "mine" / "problems").iterdir():
        without_edition(path)
    assert kept(tmp_path / "mine").edition == 1
    with pytest.raises(FileExistsError, match="asks something else, by its problem waves, problem more-waves"):
        claim_or_recall(tmp_path, question())


def test_it_may_ask_for_more_searches(tmp_path: Path) -> None:
    began = claim_or_recall(tmp_path, question()).began
    longer = claim_or_recall(tmp_path, question(studies=5))
    assert (longer.studies, longer.began) == (5, began) and kept(tmp_path / "mine") == longer
    with pytest.raises(FileExistsError, match="asks something else"):
        claim_or_recall(tmp_path, question(studies=2))


def test_one_that_goes_on_may_be_made_longer(tmp_path: Path) -> None:
    began = claim_or_recall(tmp_path, question()).began
    longer = lengthened(tmp_path / "mine", 5)
    assert (longer.studies, longer.began) == (5, began) and kept(tmp_path / "mine") == longer
    for studies, words in ((4, "--studies is 4, and 5 were asked for"), (101, "write at most 100")):
        with pytest.raises(StudyFileError, match=words):
            lengthened(tmp_path / "mine", studies)
    assert kept(tmp_path / "mine") == longer


def test_a_start_that_was_killed_is_taken_over(tmp_path: Path) -> None:
    asks = claim_or_recall(tmp_path, question())
    (tmp_path / "mine" / QUESTION).rename(tmp_path / "mine" / f"{QUESTION}.new")
    again = claim_or_recall(tmp_path, question(seeds=4))
    assert again.seeds == 4 and again.problems == asks.problems and kept(tmp_path / "mine") == again
    assert {path.name for path in (tmp_path / "mine").rglob("*")} == {
        QUESTION, "problems", "waves.yaml", "more-waves.yaml"
    }  # fmt: skip


def test_a_question_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asks = claim_or_recall(tmp_path, question())

    def full(*_: object, **__: object) -> str:
        raise OSError("no room")

    monkeypatch.setattr("study.comparing.question.yaml.safe_dump", full)
    with pytest.raises(OSError, match="no room"):
        claim_or_recall(tmp_path, question(studies=5))
    assert kept(tmp_path / "mine") == asks
    assert claim_or_recall(tmp_path, question()) == asks  # nothing to write


def test_another_question_has_another_name(tmp_path: Path) -> None:
    claim_or_recall(tmp_path, question())
    with pytest.raises(FileExistsError, match="something else, by its --seeds; write another --name, or go on with it"):
        claim_or_recall(tmp_path, question(seeds=4))
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "study.yaml").touch()
    with pytest.raises(FileExistsError, match="a study of this name exists already"):
        claim_or_recall(tmp_path, question("taken"))


def test_names_are_short_and_different() -> None:
    entered = Entered(competing(), {})
    how = {"baselines": (), "studies": 1, "seeds": 1, "trials": 1, "seconds": None}
    with pytest.raises(StudyFileError, match="two study files are called small; give one of them another name"):
        asked("mine", [entered, entered], **how)
    with pytest.raises(StudyFileError, match="too long for a study's name"):
        asked("m" * 90, [entered], **how)
    for studies, seeds, words in (
        (101, 1, "--studies is 101; write at most 100"),
        (1, 1000, "--seeds is 1000; write at most 999"),
    ):
        with pytest.raises(StudyFileError, match=words):
            asked("mine", [entered], baselines=(), studies=studies, seeds=seeds, trials=1, seconds=None)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    claim_or_recall(tmp_path, question())
    (tmp_path / "mine" / QUESTION).write_text("studies: 3")
    with pytest.raises(StudyFileError, match=r"comparison.yaml: the comparison cannot be read"):
        kept(tmp_path / "mine")


def test_what_two_questions_differ_in_is_named(tmp_path: Path) -> None:
    claim_or_recall(tmp_path, question())
    changed: tuple[tuple[dict[str, Any], str], ...] = (
        ({"studies": 1}, "by its --studies"),
        ({"baselines": ()}, "by its baselines"),
        ({"trials": 5}, "by its --trials, --seconds or tune of waves, --trials, --seconds or tune of more-waves"),
    )
    for changes, words in changed:
        with pytest.raises(FileExistsError, match=f"something else, {words};"):
            claim_or_recall(tmp_path, question(**changes))
