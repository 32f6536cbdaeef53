"""The words of errors."""

import pytest

from search_spaces.errors import LONGEST_REASON, StudyFileError, one_line, reason


@pytest.mark.parametrize(
    ("error", "line", "why"),
    [
        (ValueError("first\nsecond"), "ValueError: first", "first"),
        (RuntimeError("\n\n  indented"), "RuntimeError: indented", "indented"),
        (KeyboardInterrupt(), "KeyboardInterrupt", "KeyboardInterrupt"),
        (StudyFileError("study is 3; write a text"), "study is 3; write a text", "study is 3; write a text"),
    ],
)
def test_an_error_in_one_line(error: BaseException, line: str, why: str) -> None:
    assert (one_line(error), reason(error)) == (line, why)


def test_a_very_long_message_is_cut() -> None:
    assert reason(ValueError("x" * 10_000)) == "x" * LONGEST_REASON + "…"
