"""The words of errors."""

import pytest

from search_spaces.errors import LONGEST_REASON, StudyFileError, nearest, number_hint, one_line, reason


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


KNOWN = ("training.method.gain", "training.method.weight", "training.epochs", "validation/data_mse")


@pytest.mark.parametrize(
    ("word", "known", "words"),
    [
        ("conditions", ("study", "problem", "projection"), "write one of: study, problem, projection"),
        ("sin", ("tanh", "swish"), "write one of: tanh, swish"),
        ("damping", ("points", "sampling"), "write one of: points, sampling"),
        ("heat", ("helmholtz", "truth"), "write one of: helmholtz, truth"),
        (0.3, ("0.1", "0.2"), "write one of: 0.1, 0.2"),
        ("samplin", ("points", "sampling"), "write sampling"),
        ("raining", ("tune", "training"), "write training"),
        ("sfot", ("soft", "batch"), "write soft"),
        ("Tanh", ("tanh", "swish"), "write tanh"),
        ("minimize", ("min", "max"), "write min"),
        ("training.method.wait", KNOWN, "write training.method.weight"),
        ("training.method.name", KNOWN, f"write one of: {', '.join(KNOWN)}"),
        ("traning.epochs", KNOWN, "write training.epochs"),
        ("validation/data_mes", KNOWN, "write validation/data_mse"),
        ("anything", (), "remove it"),
    ],
)
def test_a_hint_only_where_it_is_near(word: object, known: tuple[str, ...], words: str) -> None:
    assert nearest(word, known) == words


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1e-3", "YAML reads numbers like this only with a dot, write 1.0e-3"),
        ("1.0", "numbers stand without quotes, write 1.0"),
        (" 7 ", "numbers stand without quotes, write 7.0"),
        ("inf", None),
        ("much", None),
        (3, None),
    ],
)
def test_a_text_that_looks_like_a_number(text: object, hint: str | None) -> None:
    assert number_hint(text) == hint
