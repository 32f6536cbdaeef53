from dataclasses import replace

from study.analysis.pareto import pareto_set
from study.analysis.variants import CONSTRAINT, DATA
from tests.study.analysis.made_up import variant

STEPS = "projection/steps"


def test_a_projection_that_took_no_step_is_no_other_network() -> None:
    trained = variant(0.2, 0.1)
    same = replace(trained, projected=True, metrics={DATA: 0.2, CONSTRAINT: 0.05, STEPS: 0.0})
    moved = replace(same, metrics={**same.metrics, STEPS: 1.0})
    assert pareto_set([trained, same]) == [trained]
    assert pareto_set([trained, moved]) == [moved]


def test_a_network_no_nearer_to_the_data_than_zero_is_flat() -> None:
    assert variant(1.0, 1.0, metrics={"test/relative_l2": 0.99}).flat
    assert not variant(1.0, 1.0, metrics={"test/relative_l2": 0.5}).flat
    assert not variant(1.0, 1.0, metrics={}).flat
