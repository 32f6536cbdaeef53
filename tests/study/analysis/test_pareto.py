import itertools

from hypothesis import given
from hypothesis import strategies as st

from study.analysis.pareto import pareto_set
from study.analysis.variants import CONSTRAINT, DATA, Variant
from tests.study.analysis.made_up import variant

ERRORS = st.tuples(*[st.sampled_from([1e-6, 1e-3, 0.1, 1.0, 7.0])] * 2) | st.tuples(*[st.floats(1e-9, 1e9)] * 2)


def beats(one: Variant, other: Variant) -> bool:
    pairs = [(one.metrics[name], other.metrics[name]) for name in (DATA, CONSTRAINT)]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


@given(st.lists(ERRORS, max_size=30))
def test_the_pareto_set_is_what_no_other_variant_beats(errors: list[tuple[float, float]]) -> None:
    variants = [variant(*pair) for pair in errors]
    front = pareto_set(variants)
    members = {id(member) for member in front}
    assert not any(beats(one, other) for one, other in itertools.permutations(front, 2))
    assert all(any(beats(member, other) for member in front) for other in variants if id(other) not in members)
    assert [member.metrics[DATA] for member in front] == sorted(member.metrics[DATA] for member in front)


def test_equal_errors_do_not_beat_each_other() -> None:
    assert len(pareto_set([variant(1.0, 2.0), variant(1.0, 2.0), variant(1.0, 3.0)])) == 2
