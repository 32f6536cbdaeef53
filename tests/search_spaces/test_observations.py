"""Observations from files: columns, gaps, deviations, shares; what is wrong is told with its row and column."""

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from search_spaces import observations
from search_spaces.errors import StudyFileError
from search_spaces.observations import Observations, read_observations, require_inside
from search_spaces.tables import FORMATS
from tests.search_spaces.data_files import csv, error_of, read, write

NAN = float("nan")


@pytest.fixture(autouse=True)
def files_are_read_anew() -> Iterator[None]:
    yield
    observations._sorted.cache_clear()


def same(one: Tensor | None, other: Any) -> bool:
    return one is not None and np.array_equal(one.numpy(), np.asarray(other), equal_nan=True)


def all_equal(one: Observations, other: Observations, *, but: str = "") -> bool:
    pairs = {name: (value, vars(other)[name]) for name, value in vars(one).items() if name != but}
    return all(a is b if a is None or b is None else same(a, b) for a, b in pairs.values())


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_holds_the_same_observations(ending: str, tmp_path: Path) -> None:
    found = read(write(tmp_path, ending), outputs=("u", "v", "w"), order="file")
    assert same(found.x, [[0.5, 0.0], [0.25, 1.0], [0.75, 0.5], [0.125, 0.25]])
    assert found.p.shape == (4, 0)
    assert same(found.u, [[1.0, 2.0, NAN], [NAN, 7.0, NAN], [-3.0, NAN, NAN], [4.5, 8.0, NAN]])
    assert same(found.deviation, [[0.1, NAN, NAN], [NAN, NAN, NAN], [0.2, NAN, NAN], [0.1, NAN, NAN]])
    assert found.rows.tolist() == [1, 2, 3, 4]
    assert {str(tensor.dtype) for tensor in vars(found).values()} == {"torch.float64", "torch.int64"}
    assert all_equal(read(write(tmp_path, ending)), read(write(tmp_path, ".csv")))


def test_a_row_in_which_nothing_is_observed_is_none(tmp_path: Path) -> None:
    found = read(csv(tmp_path, "x,t,u\n0,0,1\n,,\n0.5,0,\n1,0,2\n"), order="file")
    assert found.rows.tolist() == [1, 4] and found.u.tolist() == [[1.0], [2.0]]
    assert found.deviation is None


def test_a_deviation_of_what_is_not_observed_says_nothing(tmp_path: Path) -> None:
    found = read(csv(tmp_path, "x,t,u,u_error,v\n0,0,,0.1,1\n1,0,2,0.3,\n"), outputs=("u", "v"), order="file")
    assert same(found.deviation, [[NAN, NAN], [0.3, NAN]])


def test_misspelt_deviations_are_not_ignored(tmp_path: Path) -> None:
    wrong = csv(tmp_path, "x,t,prey,prey_eror\n0,0,1,0.1\n")
    assert error_of(wrong, outputs=("prey",)) == (
        "column prey_eror would be ignored, and is hardly meant to be; call it prey_error, or write "
        "columns: {prey_eror: prey_error}; if it holds something else, call it so"
    )
    for name in ("prey_std", "sigma_prey"):
        path = csv(tmp_path, f"x,t,prey,{name}\n0,0,1,0.1\n")
        assert f"column {name} would be ignored" in error_of(path, outputs=("prey",))
    renamed = csv(tmp_path, "x,t,T,T_std\n0,0,1,0.1\n")
    assert "call it u_error" in error_of(renamed, outputs=("u",), columns={"T": "u"})
    others = csv(tmp_path, "x,t,wind_y,wind_x,wind_x_error,remark\n0,0,1,2,0.1,7\n")
    assert read(others, outputs=("wind_y",)).deviation is None


def test_an_output_may_be_called_an_error(tmp_path: Path) -> None:
    path = csv(tmp_path, "x,t,u,u_error\n0,0,1,-2\n")
    found = read(path, outputs=("u", "u_error"))
    assert found.u.tolist() == [[1.0, -2.0]] and found.deviation is None


def test_parameters_are_all_there_or_none(tmp_path: Path) -> None:
    path = csv(tmp_path, "b,x,a,t,u\n4,0,3,0,1\n")
    assert read(path, parameters=("a", "b")).p.tolist() == [[3.0, 4.0]]
    assert read(path, parameters=("a",)).p.tolist() == [[3.0]]
    assert read(path, parameters=("c",)).p.shape == (1, 0)
    assert read(path, parameters=()).p.shape == (1, 0)


def test_columns_are_renamed(tmp_path: Path) -> None:
    path = csv(tmp_path, "x,t,temperature,sigma\n0.1,0.2,3,0.5\n")
    found = read(path, columns={"temperature": "u", "x": "t", "t": "x", "sigma": "u_error"})
    assert found.x.tolist() == [[0.2, 0.1]]
    assert found.u.tolist() == [[3.0]] and same(found.deviation, [[0.5]])


ERRORS: Mapping[str, tuple[str, Mapping[str, Any], str]] = {
    "a coordinate is missing": (
        "X,t,u\n0,0,1\n",
        {},
        "column x is missing (there are X, t, u); give one this name, or write columns: {ITS NAME: x}",
    ),
    "all outputs are missing": (
        "x,t,w\n0,0,1\n",
        {"outputs": ("u", "v")},
        "no output is observed (there are x, t, w); write a column u or v, or columns: {ITS NAME: u}",
    ),
    "a parameter is missing": (
        "x,t,u,a\n0,0,1,1\n",
        {"parameters": ("a", "b")},
        "column b is missing (there are x, t, u, a): a, too, is a parameter; write all of them or none",
    ),
    "deviations of nothing": (
        "x,t,v,u_error\n0,0,1,1\n",
        {"outputs": ("u", "v")},
        "column u is missing (there are x, t, v, u_error), whose deviations u_error are; write it, too",
    ),
    "a column twice": ("x,t,u,u\n0,0,1,1\n", {}, "there are two columns u; keep one, or give the other another name"),
    "renamed to one that is there": (
        "x,t,u,T\n0,0,1,1\n",
        {"columns": {"T": "u"}},
        "u and T are both u; keep one, or give the other another name",
    ),
    "a renamed column is missing": (
        "x,t,u\n0,0,1\n",
        {"columns": {"temperature": "u"}},
        "columns.temperature: there is no column temperature; write one of: x, t, u",
    ),
    "renamed to what is not the problem's": (
        "x,t,u\n0,0,1\n",
        {"columns": {"u": "u_eror"}},
        "columns.u is u_eror, which is none of the problem; write u_error",
    ),
    "many columns": (
        ",".join(["x,t", *(f"c{index}" for index in range(90))]) + "\n",
        {},
        "no output is observed (there are x, t, c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, "
        "c16, c17, …); write a column u, or columns: {ITS NAME: u}",
    ),
    "an empty coordinate": (
        "x,t,u\n0,0,1\n0,,1\n",
        {},
        "line 3: t is empty or nan; write a number, or remove this row",
    ),
    "an empty parameter": (
        "x,t,u,A\n0,0,1,\n",
        {"parameters": ("a",), "columns": {"A": "a"}},
        "line 2: A is empty or nan; write a number, or remove this row",
    ),
    "no deviation": (
        "x,t,u,u_error\n0,0,,\n0,0,1,\n",
        {},
        "line 3: u_error is empty or nan; write the standard deviation of u, greater than 0",
    ),
    "a deviation of zero": (
        "x,t,T,u_error\n0,0,1,0\n",
        {"columns": {"T": "u"}},
        "line 2: u_error is 0; write the standard deviation of T, greater than 0",
    ),
    "a negative deviation": (
        "x,t,u,s\n0,0,1,-0.5\n",
        {"columns": {"s": "u_error"}},
        "line 2: s is -0.5; write the standard deviation of u, greater than 0",
    ),
    "no rows": ("x,t,u\n\n", {}, "there are no rows; write one for each point"),
    "nothing observed": (
        "x,t,u\n0,0,\n0,1,\n",
        {},
        "nothing is observed in any of 2 rows; write numbers into an output's column",
    ),
    "no share": (
        "x,t,u\n0,0,1\n",
        {"share": (0.6, 0.2)},
        "share is [0.6, 0.2]; write two numbers from 0 to 1, the smaller one first",
    ),
    "a share without rows": (
        "x,t,u\n0,0,1\n0,0,2\n",
        {"share": (0.0, 0.4)},
        "share [0.0, 0.4] holds none of the 2 rows (1 different points); write a larger share",
    ),
    "a name over two lines": (
        '"X\r\n1",t,u\n0,0,1\n',
        {},
        "column x is missing (there are X 1, t, u); give one this name, or write columns: {ITS NAME: x}",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_is_wrong_is_told_in_one_line(case: str, tmp_path: Path) -> None:
    text, options, words = ERRORS[case]
    assert error_of(csv(tmp_path, text), **options) == words


@pytest.mark.parametrize("ending", [".npz", ".mat", ".parquet"])
def test_of_other_formats_rows_are_numbered(ending: str, tmp_path: Path) -> None:
    path = write(tmp_path, ending, {"x": [0.0, 1.0], "t": [0.0, np.nan], "u": [1.0, 2.0]})
    assert error_of(path) == "row 2: t is empty or nan; write a number, or remove this row"


CELL = st.sampled_from([0.0, -0.0, 1.0, 0.5])
ROWS = st.lists(st.tuples(CELL, CELL, CELL, CELL), min_size=1, max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(ROWS, st.randoms(use_true_random=False), st.floats(0.1, 0.9))
def test_shares_do_not_depend_on_the_order_of_the_rows(tmp_path: Path, rows: Any, random: Any, end: float) -> None:
    """Whatever the rows' order is, the shares are equal bit by bit, and a point is in one of them."""
    moved = random.sample(rows, len(rows))
    shares: list[list[Any]] = []
    for lines in (rows, moved):
        path = tmp_path / "moved.npz"
        np.savez(path, **dict(zip(("x", "t", "u", "v"), np.array(lines).T, strict=True)))
        observations._sorted.cache_clear()
        shares.append([])
        for share in ((0.0, end), (end, 1.0)):
            try:
                found = read(path, outputs=("u", "v"), share=share)
                shares[-1].append(torch.cat([found.x, found.u], dim=1).numpy().tobytes())
                shares[-1].append({tuple(point) for point in found.x.tolist()})
            except StudyFileError as error:
                shares[-1] += [str(error), set()]
    assert shares[0] == shares[1]
    assert not shares[0][1] & shares[0][3]


@pytest.mark.parametrize("order", ["random", "file"])
def test_shares_that_touch_are_a_partition(order: Any, tmp_path: Path) -> None:
    path = csv(tmp_path, "x,t,u\n" + "".join(f"{index},0,1\n" for index in range(101)))
    parts = [read(path, share=share, order=order).rows.tolist() for share in ((0.0, 0.6), (0.6, 0.8), (0.8, 1.0))]
    assert [len(rows) for rows in parts] == [61, 20, 20]
    together = [row for rows in parts for row in rows]
    assert sorted(together) == list(range(1, 102))
    assert (together == sorted(together)) is (order == "file")


def test_a_mended_value_leaves_the_shares_as_they_are(tmp_path: Path) -> None:
    before = read(csv(tmp_path, "x,t,u\n" + "".join(f"{index},0,1\n" for index in range(50))), share=(0.0, 0.5))
    after = read(csv(tmp_path, "x,t,u\n" + "".join(f"{index},0,{index}\n" for index in range(50))), share=(0.0, 0.5))
    assert before.rows.tolist() == after.rows.tolist() and not same(before.u, after.u)


def test_a_file_is_read_once_for_all_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, reads = write(tmp_path, ".csv"), []
    columns = observations.read_columns
    monkeypatch.setattr(observations, "read_columns", lambda *of: reads.append(of) or columns(*of))
    first = read(path, share=(0.0, 0.5))
    first.x.fill_(99.0)
    assert all_equal(read(path, share=(0.0, 0.5)), read(path, share=(0.0, 0.5)))
    assert not same(read(path, share=(0.0, 0.5)).x, first.x), "what was read is nobody's to change"
    read(path, share=(0.5, 1.0))
    assert len(reads) == 1
    read(path, order="file")
    assert len(reads) == 2
    os.utime(path, ns=(1, 1))
    read(path)
    assert len(reads) == 3


def made(rows: list[int]) -> Observations:
    count = len(rows)
    x = torch.arange(2.0 * count, dtype=torch.float64).reshape(count, 2)
    return Observations(x, torch.empty(count, 0), torch.ones(count, 1), None, torch.tensor(rows))


def test_points_inside_are_taken() -> None:
    require_inside(made([3, 1]), torch.tensor([True, True]), Path("a.csv"), coordinates=("x", "t"))


@pytest.mark.parametrize(
    ("inside", "file", "words"),
    [
        (
            [False, True, False],
            "a.csv",
            "a.csv: line 6: x = 4, t = 5 is outside of the domain, as 2 of 3 points are; "
            "remove these rows, or write a larger domain",
        ),
        ([False, True, True], "a.mat", "a.mat: row 9: x = 0, t = 1 is outside of the domain, as 1 of 3 points are; "),
        (
            [False, False, False],
            "a.csv",
            "a.csv: line 2: x = 2, t = 3 and all 3 points are outside of the domain, probably in other units or with "
            "columns exchanged; write the domain's units, or say by columns which is which",
        ),
    ],
    ids=["some", "one", "all"],
)
def test_points_outside_are_told_by_the_first_of_the_file(inside: list[bool], file: str, words: str) -> None:
    with pytest.raises(StudyFileError) as caught:
        require_inside(made([9, 1, 5]), torch.tensor(inside), Path(file), coordinates=("x", "t"))
    assert str(caught.value).startswith(words)


DATA = Path(observations.__file__).parent / "data"


def test_the_shipped_data_are_noisy_heat() -> None:
    found = read_observations(DATA / "heat.csv", coordinates=("x", "t"), parameters=(), outputs=("u",))
    assert found.x.shape == (200, 2) and found.x.min() >= 0.0 and found.x.max() <= 1.0
    assert found.deviation is not None and (found.deviation == 0.01).all()
    x, t = found.x.T
    noise = found.u[:, 0] - torch.exp(-0.1 * torch.pi**2 * t) * torch.sin(torch.pi * x)
    assert noise.abs().max() < 0.04 and float(noise.std()) == pytest.approx(0.01, rel=0.15)


def test_the_shipped_data_of_a_source_are_its_end() -> None:
    found = read_observations(DATA / "heat-source.csv", coordinates=("x", "t"), parameters=(), outputs=("u", "f"))
    x, t = found.x.T
    assert found.x.shape == (128, 2) and (t == 1.0).all() and found.u[:, 1].isnan().all()
    noise = found.u[:, 0] / (math.exp(-3) * torch.sin(torch.pi * x)) - 1
    assert float(noise.std()) == pytest.approx(0.05, rel=0.15)
