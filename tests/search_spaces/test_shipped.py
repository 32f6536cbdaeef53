"""Finding study files: by a shipped name or by a path."""

from pathlib import Path

import pytest

from search_spaces.errors import StudyFileError
from search_spaces.shipped import find, shipped_spaces


def test_every_shipped_file_has_its_name() -> None:
    assert {"helmholtz-quick", "workbook-a"} <= set(shipped_spaces())
    assert all(find(name) == path and path.stem == name for name, path in shipped_spaces().items())


def test_a_path_means_itself(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").touch()
    assert find(tmp_path / "mine.yaml") == tmp_path / "mine.yaml"


def test_a_name_that_is_neither_is_refused() -> None:
    with pytest.raises(StudyFileError, match="helmholtz-quik: this study file does not exist; write helmholtz-quick"):
        find("helmholtz-quik")


def test_a_file_beside_it_is_nearer_than_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "waves.yaml").touch()
    with pytest.raises(StudyFileError, match=f"does not exist; write {tmp_path}/waves.yaml$"):
        find(tmp_path / "waves.yamll")
    with pytest.raises(StudyFileError, match="write kdv, or a file's path"):
        find(tmp_path / "kdvv.yaml")
