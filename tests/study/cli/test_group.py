"""Help as a terminal of 80 columns shows it."""

import re

import pytest
from click.testing import CliRunner

from study.cli.group import cli

COLUMNS = 80


def help_lines(*command: str) -> list[str]:
    answer = CliRunner().invoke(cli, [*command, "--help"], env={"COLUMNS": str(COLUMNS)}, prog_name="cnn-study")
    assert answer.exit_code == 0
    return answer.output.splitlines()


def test_every_command_stands_with_a_whole_sentence() -> None:
    lines = help_lines()
    told = dict(re.findall(r"^  (\w+) +(\S.*)$", "\n".join(lines[lines.index("Commands:") :]), flags=re.MULTILINE))
    assert set(told) == set(cli.commands)
    for name, sentence in told.items():
        assert re.search(r"[^.]\.$", sentence), name
        assert sentence in " ".join(help_lines(name))


@pytest.mark.parametrize("name", cli.commands)
def test_the_help_of_a_command_fits(name: str) -> None:
    lines = help_lines(name)
    assert lines[0].startswith(f"Usage: cnn-study {name} ")
    assert max(map(len, lines)) <= COLUMNS
    assert not [line for line in lines if line.endswith(("...", "-", "[default:"))]


@pytest.mark.parametrize("name", cli.commands)
def test_every_argument_and_option_is_explained(name: str) -> None:
    assert [parameter.name for parameter in cli.commands[name].params if not getattr(parameter, "help", None)] == []
