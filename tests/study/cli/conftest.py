"""The command line in this process, in a folder of its own."""

import sys
from pathlib import Path

import pytest

from study.cli.main import main
from tests.study.cli.command import Answer, Command, write_file


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`cnn-study` with the arguments given, in an empty folder that holds `small.yaml`."""
    monkeypatch.chdir(tmp_path)
    write_file({})

    def run(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["cnn-study", *arguments])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as exit:
            code = int(exit.code or 0)
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run
