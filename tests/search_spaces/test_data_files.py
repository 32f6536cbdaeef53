"""The data of a split that has a file: where it is found, which waves it has, how it is weighed."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cnn_core.domains import Box
from cnn_core.problems import Problem
from search_spaces import modules
from search_spaces.data_files import SENT, find_file, gather, noise, observed, sent_as, waves_of
from search_spaces.errors import StudyFileError
from search_spaces.schema import Data, DataSplit

PROBLEM = Problem(
    "own", Box({"x": (0.0, 1.0)}), ("k",), ("u", "v"), lambda u, x, p: {"slope": u["x"][0] - p[0] * u.value[1]}
)
ALONE = replace(PROBLEM, parameters=(), residual=lambda u, x, p: {"slope": u["x"][0]})


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules, "folders", [str(tmp_path)])


def split(tmp_path: Path, text: str, **settings: object) -> DataSplit:
    (tmp_path / "data.csv").write_text(text, encoding="utf-8")
    return replace(DataSplit({}, file="data.csv"), **settings)  # type: ignore[arg-type]


def test_waves_are_those_of_the_file_one_after_the_other(tmp_path: Path) -> None:
    own = split(tmp_path, "x,k,u\n0.1,2,1\n0.2,1,2\n0.3,2,3\n")
    found = observed(PROBLEM, own)
    assert found is not None
    assert (found.waves, found.sizes, found.p.flatten().tolist()) == (2, (1, 2), [1.0, 2.0, 2.0])
    assert sorted(found.wave(1).u[:, 0].tolist()) == [1.0, 3.0]
    assert waves_of(PROBLEM, own, found).tolist() == [[1.0], [2.0]]


def test_a_file_without_parameters_is_of_the_one_wave_of_the_split(tmp_path: Path) -> None:
    own = split(tmp_path, "x,u,v\n0.1,1,0\n0.2,2,0\n", parameters={"k": (3.0,)})
    found = observed(PROBLEM, own)
    assert found is not None
    assert (found.waves, found.p.tolist(), found.weight) == (1, [[3.0], [3.0]], None)
    with pytest.raises(StudyFileError, match=r"data.csv has no column for k, and there are 2 waves; write one value"):
        observed(PROBLEM, replace(own, parameters={"k": (3.0, 4.0)}))
    with pytest.raises(StudyFileError, match=r"k stands in data.csv, too; remove it here"):
        observed(PROBLEM, split(tmp_path, "x,k,u\n0.1,1,1\n", parameters={"k": (3.0,)}))


def test_gaps_weigh_nothing_and_deviations_by_their_squares(tmp_path: Path) -> None:
    own = split(tmp_path, "x,u,u_error\n0.1,1,0.1\n0.2,2,0.2\n0.3,,\n0.4,4,0.1\n")
    found = observed(ALONE, own)
    assert found is not None and found.weight is not None
    by_x = {round(float(x), 1): weight.tolist() for x, weight in zip(found.x, found.weight, strict=True)}
    assert set(by_x) == {0.1, 0.2, 0.4}  # nothing is observed at 0.3
    assert found.weight.mean() == pytest.approx(1.0)
    assert by_x[0.1][0] == pytest.approx(4 * by_x[0.2][0])
    assert all(weight[1] == 0 for weight in by_x.values())  # v is not observed
    assert torch.isfinite(found.u).all()


def test_a_point_outside_of_the_domain_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match=r"line 3: x = 1.5 is outside of the domain, as 1 of 2 points are"):
        observed(ALONE, split(tmp_path, "x,u\n0.1,1\n1.5,2\n"))


def test_a_file_is_looked_for_beside_the_study_then_here_then_among_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "own.csv").write_text("here", encoding="utf-8")
    monkeypatch.chdir(elsewhere)
    assert find_file("own.csv") == elsewhere / "own.csv"
    (tmp_path / "own.csv").write_text("beside", encoding="utf-8")
    assert find_file("own.csv") == tmp_path / "own.csv"
    assert find_file("data/heat.csv").name == "heat.csv"
    with pytest.raises(StudyFileError, match=rf"file is 'none.csv', and there is no such file in {tmp_path}"):
        find_file("none.csv")


def test_what_is_sent_along_is_found_where_it_arrives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = split(tmp_path, "x,u\n0.1,1\n")
    sent = tmp_path / "node"
    sent.mkdir()
    assert gather(Data(own, own, own), sent) == sent / SENT
    monkeypatch.setattr(modules, "folders", [])
    monkeypatch.setattr("sys.path", [str(sent)])
    assert find_file("data.csv") == sent / SENT / sent_as("data.csv")
    bare = DataSplit({}, 3)
    assert gather(Data(bare, bare, bare), tmp_path) is None


def test_a_name_that_no_file_can_have_is_told_like_one_that_is_missing() -> None:
    with pytest.raises(StudyFileError, match=r"and there is no such file in"):
        find_file("x" * 300 + ".csv")


def test_a_file_without_parameters_asks_for_them(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match=r"data.csv has no column for k; write one value for each here, as k: \[1"):
        observed(PROBLEM, split(tmp_path, "x,u,v\n0.1,1,0\n"))


def test_a_folder_is_not_proposed_in_place_of_itself(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(StudyFileError, match=r"this file of data is a folder; write the path of one"):
        observed(ALONE, DataSplit({}, file="folder.csv"))


def test_noise_is_a_mean_over_waves_like_the_error_that_it_is_beside(tmp_path: Path) -> None:
    """Two waves with deviations of 0.1 and 0.3; a gap has none, and counts nowhere."""
    rows = [f"{x},1,0,0.1" for x in (0.1, 0.2, 0.3)] + ["0.4,1,,", "0.5,2,0,0.3"]
    whole = split(tmp_path, "\n".join(["x,k,u,u_error", *rows, ""]))
    assert noise(PROBLEM, whole) == pytest.approx((0.01 + 0.09) / 2)


def test_noise_is_known_where_all_deviations_are(tmp_path: Path) -> None:
    assert noise(PROBLEM, split(tmp_path, "x,k,u\n0.5,1,0\n")) is None
    assert noise(PROBLEM, split(tmp_path, "x,k,u,u_error,v\n0.5,1,0,0.1,2\n")) is None
    assert noise(PROBLEM, DataSplit({})) is None
