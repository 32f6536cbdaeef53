"""The project's own comparison can go on from the records that are kept of it."""

import re
import shlex
import subprocess
import tarfile
from pathlib import Path

import pytest

from search_spaces.line_up import enter, load_line_up
from study.cli.comparing import compare
from study.comparing.question import asked, claim_or_recall, kept
from tests.test_architecture import ROOT

RECORDS = ROOT / "docs" / "verdict"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """All records, unpacked."""
    for archive in RECORDS.glob("*.tar.xz"):
        with tarfile.open(archive) as packed:
            packed.extractall(tmp_path, filter="data")
    return tmp_path


def test_make_verdict_goes_on_from_its_records(runs: Path) -> None:
    silent = ["make", "-n", "--no-print-directory", "verdict"]
    said = subprocess.run(silent, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    _, words = said.replace("\\\n", " ").split(" compare ", 1)
    options = compare.make_context("compare", shlex.split(words)).params
    line_up, began_with = load_line_up(options["line_up"]), kept(runs / "verdict").edition
    question = asked(
        options["name"],
        [enter(str(ROOT / space), line_up, {}, began_with) for space in options["spaces"]],
        baselines=line_up.baselines,
        **{name: options[name] for name in ("studies", "seeds", "trials", "seconds")},
    )
    assert claim_or_recall(runs, question) == kept(runs / "verdict")


def test_records_are_of_its_searches_and_name_no_machine(runs: Path) -> None:
    question = kept(runs / "verdict")
    searches = [question.called(*one) for one in question.rounds()]
    found = sorted(path.name for path in runs.iterdir() if path.name != question.name)
    assert found and set(found) <= {*searches, *(f"{name}-confirm" for name in searches)}
    for journal in runs.glob("*/records.jsonl"):
        assert not re.search(r'"(storage|modules|address|tracking_uri)":', journal.read_text(encoding="utf-8"))
