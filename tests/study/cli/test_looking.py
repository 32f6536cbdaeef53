"""Commands that look at something: what each prints."""

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from search_spaces.line_up import Entered
from search_spaces.load import dump_yaml, load_study, shipped_spaces
from search_spaces.schema import Contestant
from study.cli.studies import RUNS
from study.comparing.question import asked, claim_or_recall
from study.journal.journal import Journal
from study.journal.shared_copy import SharedCopy
from study.trial.trial import Trial
from tests.study.cli.command import Command, assert_refused, write_file
from tests.study.small_study import small_study
from tests.study.synthetic_journal import METHODS, fill, prepare, study


def test_spaces_are_listed(command: Command) -> None:
    answer = command("spaces")
    assert answer.code == 0
    assert all(name in answer.out for name in shipped_spaces())


def test_check_prints_a_file_that_loads_again(command: Command, tmp_path: Path) -> None:
    answer = command("check", "helmholtz-quick", "--set", "training.seed=7")
    assert answer.code == 0
    assert answer.err == "steps: 16 an epoch, 2400 in a training\nhelmholtz-quick is a valid study file\n"
    (tmp_path / "again.yaml").write_text(answer.out, encoding="utf-8")
    assert load_study(tmp_path / "again.yaml") == load_study("helmholtz-quick", {"training.seed": 7})


def test_a_study_for_gpus_is_checked_without_one(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    answer = command("check", "small.yaml", "--set", "training.device=cuda")
    assert answer.code == 0 and "device: cuda" in answer.out
    assert answer.err.startswith("warning: training.device is cuda, and torch sees no GPU on this machine")


MISTAKEN = """
from dataclasses import replace
from cnn_core.problems import helmholtz

ours = helmholtz()
problem = replace(ours, residual=lambda u, x, p: {"helmholtz": u.laplacian[0] + p[1] ** 2 * u.value[0]})
"""


@pytest.mark.parametrize("verb", ["check", "trial"])
def test_an_exact_solution_that_violates_the_residual_is_told_and_nothing_else(command: Command, verb: str) -> None:
    Path("mistaken_residual.py").write_text(MISTAKEN)
    write_file({"problem": {"name": "mistaken_residual:problem"}})
    answer = command(verb, "small.yaml")
    assert answer.code == 0 and answer.out
    warning = next(line for line in answer.err.splitlines() if line.startswith("warning: "))
    assert warning.startswith(
        "warning: problem 'mistaken_residual:problem': the exact solution does not satisfy the residual 'helmholtz': "
        "it is "
    )
    assert " at x = [" in warning and "p = [" in warning


def test_check_prints_the_schema(command: Command) -> None:
    answer = command("check", "--schema")
    assert {"training", "search", "tune"} <= set(json.loads(answer.out)["properties"])


def test_status_says_how_to_start_where_there_is_no_study(command: Command) -> None:
    answer = command("status")
    assert answer.code == 0
    assert "start one with: cnn-study run helmholtz-quick" in answer.out


def test_a_study_is_reported_and_its_status_shown(command: Command) -> None:
    Path("runs/mine").mkdir(parents=True)
    fill(Path("runs/mine"), trials=5, epochs=2)
    Path("runs/mine/study.yaml").write_text(dump_yaml(study(trials=5)), encoding="utf-8")
    report = command("report", "mine")
    assert report.code == 0, report.err
    assert all(method in report.out for method in METHODS)
    assert "report   runs/mine/report/report.html" in report.out
    assert Path("runs/mine/report/report.html").exists()
    assert "mine" in command("status").out
    assert command("status", "mine").code == 0


def test_a_study_whose_problem_is_gone_can_be_read(command: Command) -> None:
    Path("runs/mine").mkdir(parents=True)
    write_file({"problem": {"name": "gone:problem"}}, "runs/mine/study.yaml")
    answer = command("status")
    assert (answer.code, answer.err) == (0, "")
    assert "mine" in answer.out


def test_the_status_of_studies_that_run_elsewhere(command: Command) -> None:
    Path("there").mkdir()
    fill(Path("there"), trials=5, epochs=2)
    Path("there/study.yaml").write_text(dump_yaml(study(trials=5)), encoding="utf-8")
    SharedCopy(Path("there"), str(Path("storage/mine-20260102-030405").absolute())).copy()
    assert "mine-20260102-030405" in command("status", "--storage", "storage").out
    assert "0004" in command("status", "mine", "--storage", "storage").out
    assert "no study of the name other under storage" in command("status", "other", "--storage", "storage").out
    assert_refused(command("status", "--storage", "nowhere"), "--storage nowhere: cannot be read", "write the one")


@pytest.fixture
def filled(command: Command) -> Command:
    """A study of twelve trials, `mine`."""
    Path("runs/mine").mkdir(parents=True)
    fill(Path("runs/mine"), trials=12, epochs=2)
    Path("runs/mine/study.yaml").write_text(dump_yaml(study(trials=12)), encoding="utf-8")
    return command


@pytest.mark.parametrize("trial", ["00003", "3"])
def test_any_trial_is_drawn_on_demand(filled: Command, trial: str) -> None:
    answer = filled("plot", "mine", trial)
    assert (answer.code, answer.err) == (0, "")
    paths = [Path(line) for line in answer.out.splitlines()]
    assert paths == [Path("runs/mine/trials/00003") / name for name in ("convergence.png", "prediction.png")]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_a_trial_that_does_not_exist_is_not_drawn(filled: Command) -> None:
    assert_refused(filled("plot", "mine", "12"), "runs/mine: there is no trial 12; write one of: 00000, 00001, 00002, ")
    assert_refused(filled("plot", "mine", "best"), "runs/mine: best is no trial, and no method that was tried; write ")


def test_a_trial_without_anything_to_draw_says_so(filled: Command) -> None:
    Journal(Path("runs/mine")).trial_start("00012", values={}, method="soft")
    answer = filled("plot", "mine", "12")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == (
        "error: runs/mine/trials/00012: trial 00012 has ended no epoch; there is nothing to draw yet\n"
    )


def test_a_plot_that_cannot_be_drawn_is_named(filled: Command) -> None:
    Path("runs/mine/trials/00003/predictions.npz").write_bytes(b"nothing")
    answer = filled("plot", "mine", "3")
    assert (answer.code, answer.out) == (1, "runs/mine/trials/00003/convergence.png\n")
    assert answer.err.startswith("error: runs/mine/trials/00003/prediction.png: it cannot be drawn (")


@pytest.fixture
def spoiled(tmp_path: Path) -> None:
    """The study mine, whose trial 00000 has lost its start, and whose sixth line is not UTF-8; and the study whole."""
    for name in ("mine", "whole"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        fill(tmp_path / "runs" / name, trials=5, epochs=2)
        prepare(tmp_path / "runs" / name, study(trials=5))
    journal = tmp_path / "runs/mine/records.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[1], lines[5] = b"42\n", b"\xff" + lines[5]
    journal.write_bytes(b"".join(lines))


COMPLAINT = "runs/mine/records.jsonl lines 2, 6 cannot be read; they are passed over"


@pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow")
@pytest.mark.parametrize("arguments", [("status",), ("status", "mine"), ("report", "mine"), ("sync", "mine")])
def test_a_journal_with_spoiled_lines_is_read_and_told_once(
    command: Command, spoiled: None, arguments: tuple[str, ...]
) -> None:
    answer = command(*arguments)
    assert answer.code == 0, answer.err
    assert " ".join((answer.out + answer.err).split()).count(COMPLAINT) == 1
    assert "mine" in answer.out


@pytest.mark.parametrize("arguments", [("status", "mine"), ("report", "mine"), ("sync", "mine"), ("resume", "mine")])
def test_a_folder_in_the_place_of_a_journal_is_one_line(
    command: Command, spoiled: None, arguments: tuple[str, ...]
) -> None:
    Path("runs/mine/records.jsonl").unlink()
    Path("runs/mine/records.jsonl").mkdir()
    assert_refused(command(*arguments), "runs/mine/records.jsonl: this journal cannot be read (Is a directory); put")
    everything = command("status")
    assert everything.code == 0 and "whole" in everything.out and "5/5" in everything.out


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *(("records.jsonl", (verb, "mine")) for verb in ("status", "report", "resume")),
        ("records.jsonl", ("plot", "mine", "0")),
        *(("study.yaml", (verb, "mine")) for verb in ("status", "resume", "confirm")),
    ],
)
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(
    command: Command, spoiled: None, name: str, arguments: tuple[str, ...]
) -> None:
    Path("runs/mine", name).unlink()
    os.mkfifo(Path("runs/mine", name))
    assert_refused(command(*arguments), f"runs/mine/{name}", "it is a pipe, a socket or a device, not a file")
    everything = command("status")
    assert everything.code == 0 and "whole" in everything.out


@pytest.mark.parametrize("name", ["status", "report", "sync"])
@pytest.mark.parametrize(
    ("study", "what"),
    [
        ("nothing", "runs/nothing: there is no such study"),
        ("../elsewhere", "../elsewhere: this is no name of a study"),
        ("/etc", "/etc: this is no name of a study"),
        ("..", "..: this is no name of a study"),
    ],
)
def test_a_study_that_does_not_exist(command: Command, name: str, study: str, what: str) -> None:
    Path("elsewhere").mkdir()
    write_file({}, "elsewhere/study.yaml")
    assert_refused(command(name, study), f"{what}; there is none under runs/ yet; start")


def test_a_path_in_place_of_a_name(filled: Command) -> None:
    assert_refused(filled("report", "runs/mine"), "runs/mine: this is no name of a study; write mine")
    assert_refused(filled("plot", "runs/mine"), "runs/mine: no trial was saved there; write mine")
    assert_refused(filled("plot", "elsewhere/0001"), "elsewhere/0001: no trial was saved there; write one of: mine")


def test_a_trial_that_was_saved_has_plots_but_is_no_study(command: Command) -> None:
    trial = Trial(small_study(epochs=3))
    trial.step()
    trial.save(Path("saved"))
    answer = command("plot", "saved/")
    assert (answer.code, answer.out) == (0, "saved/convergence.png\n"), answer.err
    while not trial.done:
        trial.step()
    trial.save(Path("saved"))
    assert command("plot", "saved").out.splitlines() == ["saved/convergence.png", "saved/prediction.png"]
    assert_refused(command("plot", "saved", "0"), "saved is the folder of one trial; leave out 0")
    assert_refused(command("report", "saved"), "saved is a trial's folder, which cnn-study plot and cnn-study predict ")
    Path("saved/checkpoint.pt").write_bytes(b"spoiled")
    assert_refused(command("plot", "saved"), "saved/checkpoint.pt: this is not a checkpoint of ours")


def test_the_studies_of_a_comparison_have_their_status(filled: Command) -> None:
    contestants = {"plain": Contestant({"training.method.name": "unconstrained"})}
    problem = replace(load_study("small.yaml", {"search": {}, "tune.balance": None}), contestants=contestants)
    claim_or_recall(
        RUNS, asked("all", [Entered(problem, {})], baselines=(), studies=2, seeds=2, trials=2, seconds=None)
    )
    assert "nothing has begun; go on with: cnn-study compare --name all" in filled("status", "all").out
    Path("runs/mine").rename("runs/all-small-1")
    shown = filled("status", "all")
    assert shown.code == 0 and "all-small-1" in shown.out and "12/12" in shown.out
    assert_refused(filled("plot", "all", "0"), "runs/all is a comparison; ", "e.g. all-small-1; cnn-study status all ")


def test_the_ui_shows_the_files_of_a_folder_that_was_moved(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("runs").mkdir()
    with closing(sqlite3.connect("runs/mlflow.db")) as database, database:
        database.execute("CREATE TABLE experiments (experiment_id INTEGER, artifact_location TEXT)")
        database.execute("CREATE TABLE runs (experiment_id INTEGER, artifact_uri TEXT)")
        database.execute("INSERT INTO experiments VALUES (1, 'file:///gone/mlartifacts/waves'), (0, '/gone/mlruns/0')")
        database.execute("INSERT INTO runs VALUES (1, 'file:///gone/mlartifacts/waves/7/artifacts'), (1, 's3://other')")
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execvpe", lambda program, words, environment: started.append(words))
    assert command("ui").code == 0
    files = Path("runs/mlartifacts").absolute().as_uri()
    with closing(sqlite3.connect("runs/mlflow.db")) as database:
        locations = database.execute("SELECT artifact_location FROM experiments").fetchall()
        assert locations == [(f"{files}/waves",), ("/gone/mlruns/0",)]
        runs = database.execute("SELECT artifact_uri FROM runs").fetchall()
        assert runs == [(f"{files}/waves/7/artifacts",), ("s3://other",)]
    assert "mlflow" in started[0]
