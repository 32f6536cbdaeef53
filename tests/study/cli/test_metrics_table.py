"""The table of one trial."""

import io
from collections.abc import Mapping

from rich.console import Console

from study.cli.metrics_table import metrics_table
from tests.study import conditioned


def printed(metrics: Mapping[str, float], *, trains: bool = True) -> list[list[str]]:
    console = Console(file=(file := io.StringIO()), width=100)
    console.print(metrics_table(metrics, trains=trains))
    return [line.split() for line in file.getvalue().splitlines() if line.strip()]


def test_without_data_there_are_no_rows_of_it() -> None:
    assert printed(conditioned.WITHOUT_DATA) == [
        ["train", "validation", "test"],
        ["constraint_mse", "0.3", "0.3", "0.3"],
        ["load_mse", "0.2", "0.2", "0.2"],
        ["walls_mse", "0.1", "0.1", "0.1"],
    ]


def test_what_one_split_lacks_is_a_dash() -> None:
    assert ["data_mse", "–", "0.01", "0.02"] in printed(conditioned.WITH_UNKNOWN)


def test_unknowns_have_a_table_of_their_own() -> None:
    assert printed(conditioned.WITH_UNKNOWN)[-2:] == [
        ["unknown", "value", "relative", "error"],
        ["rate", "0.4", "0.2"],
    ]
    assert printed({"unknown/rate": 0.4})[-1] == ["rate", "0.4"]
    kept = printed({"unknown/rate": 0.4, "projected/test/constraint_mse": 0.1})
    assert " ".join(kept[-1]) == "A projection leaves them as they are."


SOLVED = {
    "train/data_mse": 0.7, "unknown/rate": 1.0, "noise/train": 0.004,
    "projected/train/data_mse": 0.005, "projected/unknown/rate": 0.4, "projected/unknown/rate_error": 0.2,
}  # fmt: skip
"""Of a projection that brought a network near its data."""


def test_unknowns_that_a_projection_has_moved_stand_beside_those_of_before() -> None:
    assert printed(SOLVED)[-3:-1] == [
        ["unknown", "as", "trained", "as", "projected", "relative", "error"],
        ["rate", "1", "0.4", "0.2"],
    ]
    assert not any("times" in words for words in printed(SOLVED))  # it fits the data, as projected
    assert any("times" in words for words in printed(SOLVED | {"projected/train/data_mse": 0.02}))


def test_of_a_trial_that_trains_nothing_random_parameters_are_left_out() -> None:
    assert printed(SOLVED, trains=False)[:5] == [
        ["projected/"],
        ["train"],
        ["data_mse", "0.005"],
        ["unknown", "value", "relative", "error"],
        ["rate", "0.4", "0.2"],
    ]
    held = {"unknown/rate": 1.0, "test/constraint_mse": 0.3, "projected/test/constraint_mse": 0.1}
    assert ["rate", "1"] in printed(held, trains=False) and ["constraint_mse", "0.1"] in printed(held, trains=False)


def test_a_network_far_from_its_data_is_told_where_their_errors_are_known() -> None:
    fitted = {"train/data_mse": 0.007, "noise/train": 0.004}
    assert not any("times" in words for words in printed(fitted))
    told = " ".join(" ".join(words) for words in printed(fitted | {"train/data_mse": 0.02, "unknown/rate": 0.4}))
    assert "train/data_mse is 5 times what errors of measurement leave (0.004): the network does not fit" in told
    assert "unknowns that it found are not to be trusted" in told


def test_a_network_that_obeys_the_pde_at_its_points_alone_is_told() -> None:
    solved = {"projected/test/constraint_mse": 105.0, "projection/residual_on": 5e-13, "projection/residual_off": 20.0}
    note = "† residual between the projection's points 2.0e+01, at them 5.0e-13: take more"
    assert note.split() in printed(solved)
    assert note.split() not in printed({**solved, "projection/residual_off": 1e-9})
    assert note.split() not in printed({**solved, "projection/accepted": 0.0})
