from pathlib import Path

import pytest

from study.analysis.findings import Analysis, analyse
from study.report.files import write_report
from tests.study import synthetic_journal


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of made-up trials with its report. Tests only read it."""
    directory = tmp_path_factory.mktemp("finished")
    synthetic_journal.prepare(directory, synthetic_journal.study())
    synthetic_journal.fill(directory)
    write_report(directory)
    return directory


@pytest.fixture
def analysis(tmp_path: Path) -> Analysis:
    return analyse(synthetic_journal.study(), synthetic_journal.fill(tmp_path).trials())
