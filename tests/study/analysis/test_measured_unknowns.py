"""Whether unknowns had been found when a training ended."""

from study.analysis.measured import still_moving, unfitted


def history(*values: float) -> list[dict[str, float | str]]:
    return [{"unknown/rate": value, "unknown/rate_error": 0.1} for value in values]


def test_an_unknown_that_moved_to_the_end_is_told() -> None:
    found = still_moving(history(*[1.0] * 18, 1.0, 1.01, 1.03))
    assert {name: round(change, 6) for name, change in found.items()} == {"rate": 0.03}
    assert still_moving(history(*[5.0] * 10, *[1.0] * 10)) == {}


def test_of_few_epochs_and_without_unknowns_nothing_is_told() -> None:
    assert still_moving(history(1.0, 2.0, 3.0)) == {}
    assert still_moving([{"train/data_mse": 1.0}] * 30) == {}


def test_a_data_error_is_hardly_that_of_the_measurements_from_twice_as_much_on() -> None:
    assert unfitted({"train/data_mse": 0.0039, "noise/train": 0.002}) is None
    assert unfitted({"train/data_mse": 0.008, "noise/train": 0.002}) == 4.0
    assert unfitted({"train/data_mse": 0.008}) is None and unfitted({"noise/train": 0.002}) is None
