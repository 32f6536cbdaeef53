from study.analysis.measured import conditions_in, errors_in, has_trade_off, metrics_of, unknowns_in
from study.analysis.variants import CONSTRAINT, DATA
from tests.study.analysis.made_up import record


def test_names_are_those_of_all_trials() -> None:
    assert metrics_of([record(validation__data_mse=1.0), record("1", train__data_mse=1.0)]) == (DATA, "train/data_mse")


def test_errors_are_measured_as_trained_or_projected() -> None:
    assert errors_in(["test/data_mse", f"projected/{CONSTRAINT}", "train/data_mse"]) == (CONSTRAINT, "test/data_mse")


def test_a_trade_off_needs_both_errors() -> None:
    assert has_trade_off([DATA, CONSTRAINT])
    assert not has_trade_off([CONSTRAINT])


def test_an_unknown_may_be_called_like_another_s_error() -> None:
    assert unknowns_in(["unknown/rate", "unknown/rate_error", "unknown/drift_error"]) == ("rate", "drift_error")


def test_conditions_are_mean_squares_beside_the_usual_ones() -> None:
    names = ["validation/data_mse", "validation/walls_mse", "validation/relative_l2", "train/start_mse"]
    assert conditions_in(names, "validation") == ("walls",)
