from pathlib import Path

from study.analysis.findings import read_analysis
from study.analysis.looked_at import MOST_FAILURES, MOST_OTHERS, MOST_PARETO, looked_at
from tests.study.synthetic_journal import METHODS, fill, prepare, study


def test_the_best_the_pareto_set_and_a_few_of_the_others(tmp_path: Path) -> None:
    prepare(tmp_path, study(trials=300))
    fill(tmp_path, trials=300, epochs=4)
    analysis = read_analysis(tmp_path)
    found = looked_at(analysis)
    best = [record.trial for record in analysis.best_trials().values()]
    assert found[: len(METHODS)] == best
    assert {variant.trial for variant in analysis.pareto[:MOST_PARETO]} <= set(found)
    assert {"00008", "00011"} <= set(found), "what diverged, and what failed"
    assert "00000" in found
    assert len(found) == len(set(found)) <= len(METHODS) + MOST_PARETO + MOST_FAILURES + MOST_OTHERS


def test_a_study_that_has_just_begun(tmp_path: Path) -> None:
    prepare(tmp_path, study())
    assert looked_at(read_analysis(tmp_path)) == []
