"""The entry point of the command line `cnn-study`.

Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted.
"""

from study.cli.exit_codes import exit_codes


def main() -> None:
    """Entry point: turns what a user can mend into one line and an exit code."""
    with exit_codes():  # around the import, too: Ctrl-C may come at any time
        from study.cli.group import cli

        cli.main(prog_name="cnn-study", standalone_mode=False)
