from pathlib import Path

from study.analysis.findings import analyse
from study.journal.files import REPORT
from study.report.files import write_report
from study.report.page import PAGE, page
from tests.study import synthetic_journal
from tests.study.competing import competing, record


def test_the_page_needs_no_other_file(finished: Path) -> None:
    text = (finished / REPORT / PAGE).read_text(encoding="utf-8")
    plots = len(list((finished / REPORT / "plots").iterdir()))
    assert text.count('src="data:image/png;base64,') == plots > 0
    assert text.count("src=") == plots
    assert "http" not in text
    assert "<script" not in text
    assert "augmented-lagrangian" in text


def test_the_page_escapes_what_users_wrote(tmp_path: Path) -> None:
    folder = tmp_path / "a<b>&c"
    folder.mkdir()
    synthetic_journal.prepare(folder, synthetic_journal.study())
    text = write_report(folder).html.read_text(encoding="utf-8")
    assert "a&lt;b&gt;&amp;c" in text
    assert "<b>" not in text


def test_an_empty_study_says_so(tmp_path: Path) -> None:
    synthetic_journal.prepare(tmp_path, synthetic_journal.study())
    assert "No trial has started yet." in write_report(tmp_path).html.read_text(encoding="utf-8")


def test_a_killed_study_says_that_it_has_not_finished(tmp_path: Path) -> None:
    synthetic_journal.prepare(tmp_path, synthetic_journal.study())
    synthetic_journal.fill_and_kill(tmp_path)
    assert "Not finished" in write_report(tmp_path).html.read_text(encoding="utf-8")


def test_one_that_used_its_seconds_has_finished_with_fewer_trials() -> None:
    took = {"time/train_cpu_s": 9.0, "time/cpu_s": 9.0}
    records = {
        f"000{place}": record(f"000{place}", {"contestant": name}, also=took)
        for place, name in enumerate(("heavy", "plain"))
    }
    for seconds, notice in ((5.0, False), (50.0, True)):
        study = competing(trials=20, tune={"seconds": seconds})
        found = analyse(study, records)
        text = page("rates", found, tables=[], illustrations=[], files=[], study_file="")
        assert ("Not finished" in text) == notice
