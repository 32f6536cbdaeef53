"""`cnn-study predict`: which network, at which points, into which file, and what is said of it."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnn_core.methods import Soft
from cnn_core.problems import Unknown
from cnn_core.solvers import LevenbergMarquardt
from search_spaces.load import dump_yaml
from search_spaces.schema import Data, DataSplit, ProblemChoice, Study
from search_spaces.tables import read_columns
from study import load_trial
from study.journal.events import TrialStatus
from study.journal.files import STUDY, TRIALS
from study.journal.journal import Journal
from study.trial.measuring import unknowns_of
from study.trial.trial import Trial
from tests.study.cli.command import Command, assert_refused
from tests.study.small_study import small_study, solve_and_save

HEADER = ["x", "amplitude", "frequency", "phase"]
ROWS = [(x, amplitude, 1.0, 0.0) for amplitude in (2.0, 1.0) for x in (-0.5, 0.0, 0.5)]
METHOD = "training.method.name"


def begin(study: Study, name: str = "mine") -> Journal:
    directory = Path("runs") / name
    directory.mkdir(parents=True)
    (directory / STUDY).write_text(dump_yaml(study), encoding="utf-8")
    journal = Journal(directory)
    journal.append("study-start", study=study.study, provenance={})
    return journal


def add(journal: Journal, ident: str, study: Study, status: TrialStatus | None, *, data: float = 0.0) -> Path:
    """A trial that is trained here, with the error that is told of it; None: it runs, and has ended an epoch."""
    trial, folder = Trial(study), journal.path.parent / TRIALS / ident
    journal.trial_start(ident, values={}, method=study.training.method.name)
    for _ in range(1 if status is None else study.training.epochs):
        trial.step()
    trial.save(folder)
    journal.epoch(ident, trial.epoch, {"validation/data_mse": data})
    if status is not None:
        journal.trial_end(ident, status, {"validation/data_mse": data, "status": str(status)})
    return folder


def soft(study: Study) -> Study:
    return replace(study, training=replace(study.training, method=Soft(0.1)))


@pytest.fixture
def folders(command: Command) -> dict[str, Path]:
    """A study of two methods: 0002 is best, 0000 the best of the other; 0003 runs. And `points.csv`."""
    study = small_study(epochs=2, projection=LevenbergMarquardt(points=15, max_steps=5))
    journal, done = begin(study), TrialStatus.COMPLETED
    folders = {
        "0000": add(journal, "0000", study, done, data=0.3),
        "0001": add(journal, "0001", soft(study), done, data=0.2),
        "0002": add(journal, "0002", soft(study), done, data=0.1),
        "0003": add(journal, "0003", study, None),
    }
    write_points("points.csv", ROWS)
    return folders


def write_points(name: str, rows: list[tuple[float, ...]], header: list[str] = HEADER) -> None:
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def predict(command: Command, *arguments: str, output: str = "out.csv"):  # type: ignore[no-untyped-def]
    return command("predict", "mine", *arguments, "--at", "points.csv", "--output", output)


@pytest.mark.parametrize(
    ("which", "trial"), [((), "0002 (soft)"), (("unconstrained",), "0000 (unconstrained)"), (("1",), "0001 (soft)")]
)
def test_the_best_trial_a_methods_best_or_any(
    which: tuple[str, ...], trial: str, command: Command, folders: dict[str, Path]
) -> None:
    answer = predict(command, *which)
    assert answer == (0, f"trial      {trial}\npredicted  u at 6 points: out.csv\n", "")
    with Path("out.csv").open(encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == [*HEADER, "u"]
    found = np.array(rows, dtype=float)
    assert found[:, :4].tolist() == [list(row) for row in ROWS]
    expected = load_trial(folders[trial[:4]]).predict(found[:, :1], found[:, 1:4])
    assert found[:, 4:] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("suffix", [".npz", ".mat", ".parquet"])
def test_other_formats(suffix: str, command: Command, folders: dict[str, Path]) -> None:
    assert predict(command, output=f"out{suffix}").code == 0
    assert predict(command).code == 0
    columns = [*HEADER, "u"]
    assert (read_columns(Path(f"out{suffix}"), columns).values == read_columns(Path("out.csv"), columns).values).all()


def test_a_file_is_replaced_only_by_force(command: Command, folders: dict[str, Path]) -> None:
    Path("out.csv").write_text("mine", encoding="utf-8")
    assert_refused(predict(command), "--output: out.csv exists already; write another file, or add --force")
    assert Path("out.csv").read_text(encoding="utf-8") == "mine"
    assert predict(command, "--force").code == 0


def test_each_wave_is_projected_by_itself(command: Command, folders: dict[str, Path]) -> None:
    answer = predict(command, "--project")
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[1].startswith("projected  2 waves: 2 ")
    found = read_columns(Path("out.csv"), ["u"]).values
    network = load_trial(folders["0002"])
    expected = [network.projected((a, 1.0, 0.0)).predict((-0.5, 0.0, 0.5), (a, 1.0, 0.0)) for a in (2.0, 1.0)]
    assert found == pytest.approx(np.concatenate(expected), rel=1e-12)


def test_where_nothing_was_trained_every_wave_is_projected(command: Command) -> None:
    solve_and_save(small_study(projection=LevenbergMarquardt(points=15, max_steps=5)), Path("solved"))
    write_points("points.csv", ROWS)
    answer = command("predict", "solved", "--at", "points.csv", "--output", "out.csv")
    assert answer.out.splitlines()[1].startswith("projected  2 waves: 2 "), answer.err
    found = read_columns(Path("out.csv"), [*HEADER, "u"]).values
    network = load_trial("solved")
    for rows in (found[:3], found[3:]):
        expected = network.projected(rows[0, 1:4]).predict(rows[:, :1], rows[0, 1:4])
        assert rows[:, 4:] == pytest.approx(expected, rel=1e-6)


def test_a_trial_without_projection_says_what_to_write(command: Command) -> None:
    add(begin(small_study(epochs=1)), "0000", small_study(epochs=1), TrialStatus.COMPLETED)
    write_points("points.csv", ROWS)
    assert_refused(predict(command, "--project"), "runs/mine: trial 0000 has no projection; leave out --project, or")


def test_a_trial_that_has_not_ended_says_how_far_it_came(command: Command, folders: dict[str, Path]) -> None:
    answer = predict(command, "3")
    assert (answer.code, answer.err) == (0, "warning: trial 0003 is running: its network is that of epoch 1 of 2\n")


def test_a_trial_is_named_by_its_folder_too(command: Command, folders: dict[str, Path]) -> None:
    folders["0003"].rename("saved")
    answer = command("predict", "saved", "--at", "points.csv", "--output", "out.csv")
    said = "trial      saved (unconstrained)\npredicted  u at 6 points: out.csv\n"
    assert answer == (0, said, "warning: trial saved is stopped: its network is that of epoch 1 of 2\n")
    found = read_columns(Path("out.csv"), [*HEADER, "u"]).values
    assert found[:, 4:] == pytest.approx(load_trial("saved").predict(found[:, :1], found[:, 1:4]), rel=1e-12)
    assert_refused(
        command("predict", "saved", "soft", "--at", "points.csv", "--output", "o.csv"),
        "saved is the folder of one trial; leave out soft",
    )


def test_a_study_wins_over_what_lies_in_its_folder(command: Command, folders: dict[str, Path]) -> None:
    shutil.copy(folders["0001"] / "checkpoint.pt", "runs/mine/checkpoint.pt")
    assert predict(command, "0").out.startswith("trial      0000 (unconstrained)")
    assert_refused(predict(command, "nonsense", "--force"), "runs/mine: nonsense is no trial, and no method that was ")


def test_the_folder_of_a_studys_trial_is_that_trial(command: Command, folders: dict[str, Path]) -> None:
    answer = command("predict", str(folders["0003"].absolute()), "--at", "points.csv", "--output", "out.csv")
    assert (answer.code, answer.err) == (0, "warning: trial 0003 is running: its network is that of epoch 1 of 2\n")


def test_a_folder_that_is_only_called_like_that_of_a_studys_trial_is_another_one(
    command: Command, folders: dict[str, Path]
) -> None:
    for name in ("0000", "0007"):  # there 0000 is unconstrained, and 0007 is none
        shutil.copytree(folders["0002"], f"elsewhere/mine/trials/{name}")
        answer = command("predict", f"elsewhere/mine/trials/{name}", "--at", "points.csv", "--output", f"{name}.csv")
        assert answer.out.startswith(f"trial      {name} (soft)"), answer


def test_points_outside_of_the_domain_are_told(command: Command, folders: dict[str, Path]) -> None:
    write_points("points.csv", [*ROWS, (1.5, 1.0, 1.0, 0.0), (-7.0, 1.0, 1.0, 0.0)])
    answer, where = predict(command), "points.csv: 2 of 8 points are outside of the domain, the first in line 8"
    assert (answer.code, answer.err) == (0, f"warning: {where}; nothing was trained there\n")


def test_unknowns_are_told(command: Command) -> None:
    parts = (DataSplit({"amplitude": (value,), "phase": (0.0,)}, points=9) for value in (0.5, 1.0, 1.5))
    problem = ProblemChoice("helmholtz", unknown={"frequency": Unknown(1.5, truth=1.0)})
    study = small_study(epochs=1, problem=problem, data=Data(*parts))
    network = load_trial(add(begin(study), "0000", study, TrialStatus.COMPLETED))
    write_points("points.csv", [(0.5, 1.0, 0.0)], ["x", "amplitude", "phase"])
    answer = predict(command)
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[1] == f"unknown    frequency = {network.unknowns['frequency']:.6g}, as trained"


def test_several_unknowns_keep_their_values_in_whatever_order_they_are_written(tmp_path: Path) -> None:
    parts = (DataSplit({"phase": (value,)}, points=9) for value in (-0.2, 0.0, 0.2))
    unknown = {"frequency": Unknown(0.3, truth=1.0), "amplitude": Unknown(1.5, truth=1.0, positive=True)}
    study = small_study(epochs=1, problem=ProblemChoice("pythagorean", unknown=unknown), data=Data(*parts))
    trial = Trial(study)
    trial.step()
    trial.save(tmp_path)
    values = {name: trial.history[-1][f"unknown/{name}"] for name in unknown}
    assert load_trial(tmp_path).unknowns == pytest.approx(values, rel=1e-12)
    turned = ProblemChoice("pythagorean", unknown=dict(reversed(unknown.items())))
    again = Trial(replace(study, problem=turned))
    again.load(tmp_path)
    assert again.training.theta.tolist() == trial.training.theta.tolist()
    found = unknowns_of(again.model, again.training.theta)
    assert {name: found[f"unknown/{name}"] for name in unknown} == pytest.approx(values, rel=1e-12)


def test_what_is_missing_is_one_line(command: Command, folders: dict[str, Path]) -> None:
    assert_refused(
        predict(command, "sofd"), "runs/mine: sofd is no trial, and no method that was tried; write soft, or"
    )
    assert_refused(predict(command, "77"), "runs/mine: there is no trial 77; write one of: 0000, 0001, 0002, 0003")
    assert_refused(predict(command, output="out.txt"), "out.txt ends with .txt; write one of: .csv, .npz, ")
    write_points("points.csv", [row[:3] for row in ROWS], HEADER[:3])
    assert_refused(predict(command), "points.csv: column phase is missing (there are x, amplitude, frequency); points")
    Path("points.csv").write_text(f"{','.join(HEADER)}\n0.5,1,1,0\n0.5,,1,0\n", encoding="utf-8")
    assert_refused(predict(command), "points.csv: line 3: amplitude is empty or nan; write a number, or remove ")
    (folders["0002"] / "checkpoint.pt").unlink()
    assert_refused(predict(command), "runs/mine/trials/0002: there is no trial (checkpoint.pt)")
    assert not Path("out.csv").exists()


def test_a_study_without_a_completed_trial(command: Command) -> None:
    journal = begin(small_study())
    write_points("points.csv", ROWS)
    assert_refused(predict(command), "no trial has completed yet; write one that has begun: none has")
    journal.trial_start("0000", values={}, method="soft")
    assert_refused(predict(command, "soft"), "runs/mine: no trial of soft has completed yet; write one of: 0000")
