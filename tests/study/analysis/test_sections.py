"""Where seconds went."""

from study.analysis.sections import PARTS, sections_of


def test_what_training_took_beside_its_sections_is_other() -> None:
    found = sections_of({"time/train_s": 5.0, "time/forward_s": 2.0, "time/gram_s": 1.0, "time/projection_s": 4.0})
    assert set(found) == set(PARTS)
    assert (found["forward"], found["gram"], found["other"], found["projection"]) == (2.0, 1.0, 2.0, 4.0)


def test_clocks_that_disagree_leave_nothing_negative() -> None:
    assert sections_of({"time/train_s": 1.0, "time/step_s": 1.1})["other"] == 0.0
    assert not any(sections_of({}).values())
