import json
import re
from pathlib import Path

import pytest

from study.comparison.saved import FILE, from_json, read_comparison, to_json
from tests.study.comparison import synthetic


def test_what_is_written_is_read_again() -> None:
    made = synthetic.comparison(studies=2, seeds=3, trials=4)
    assert from_json(to_json(made)) == made


def test_what_earlier_versions_wrote_is_read() -> None:
    made = synthetic.comparison(studies=1, seeds=1, trials=1)
    written = json.loads(to_json(made))
    for problem in written["problems"]:
        del problem["importances"]
        for entry in problem["entries"]:
            for search in entry["searches"]:
                for run in search["confirmed"]:
                    del run["sections"]
    again = from_json(json.dumps(written))
    assert again.labels == made.labels
    assert again.problems[0].importances == {} and again.problems[0].entries[0].confirmed[0].sections == {}


def test_the_file_is_json_for_others_too() -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = to_json(synthetic.comparison(studies=1, seeds=1, trials=20))
    json.loads(text, parse_constant=refuse)
    assert '"Infinity"' in text


def test_errors_name_the_file_and_the_place(tmp_path: Path) -> None:
    text = to_json(synthetic.comparison(studies=1, seeds=1, trials=1))
    (tmp_path / FILE).write_text(text.replace('"seed": 1000', '"seed": "one"', 1))
    wanted = f"{FILE}: problems.0.entries.0.searches.0.confirmed.0.seed: .*valid integer"
    with pytest.raises(ValueError, match=wanted):
        read_comparison(tmp_path)
    (tmp_path / FILE).write_text(text[:-9])
    with pytest.raises(ValueError, match=f"{re.escape(FILE)}: the file: Invalid JSON"):
        read_comparison(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_comparison(tmp_path / "elsewhere")
