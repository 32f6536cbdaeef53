"""What a seeded study gave once: which trials it chose, how they ended, with which figures.

`python -m tests.recorded.studies` writes it anew, for a change that means to change it. The folder `stopped` is a study
that Ctrl-C ended in the middle of a trial, as the version of 26 November 2026 left it: later versions must read it.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from search_spaces.load import load_study
from study.driver.runner import run
from study.journal.journal import Journal
from tests.recorded.trials import arithmetic, without_costs

HERE = Path(__file__).parent
FILE, RECORD, STOPPED = HERE / "study.yaml", HERE / "study.json", HERE / "stopped"


def run_it(directory: Path) -> dict[str, Any]:
    """Run the study; its trials by id, without times."""
    run(load_study(FILE), directory=directory)
    return trials_in(directory)


def trials_in(directory: Path) -> dict[str, Any]:
    """What the journal in a folder says of its trials, but for times and memory."""
    return {
        ident: {
            "values": record.values,
            "method": record.method,
            "status": str(record.status),
            "error": record.error,
            "history": [without_costs(metrics) for _, _, metrics in record.history],
            "metrics": without_costs(record.metrics),
        }
        for ident, record in Journal(directory).trials().items()
    }


def read() -> dict[str, Any]:
    """The record: `arithmetic`, and the `trials`."""
    return json.loads(RECORD.read_text(encoding="utf-8"))


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        record = {"arithmetic": arithmetic(), "trials": run_it(Path(folder) / "recorded")}
    RECORD.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")
