"""Steps of several trainings at once."""

import pytest

from cnn_core.methods import Batch, NullSpace, Soft
from cnn_core.methods.method import Method
from cnn_core.pack import run_stacked
from tests.cnn_core.test_pack import member


@pytest.mark.parametrize("method", [Soft(), Batch(damping=0.01), NullSpace()], ids=lambda one: one.name)
def test_what_was_worth_watching_before_is_not_told_any_more(method: Method) -> None:
    pair = [member(seed, method, epochs=5) for seed in range(2)]
    for one in pair:
        one.run_epoch()
        assert one.watched
    run_stacked(pair)
    for one in pair:
        assert one.watched == one.state_dict()["figures"] == {}
        one.run_epoch()
        assert one.watched
