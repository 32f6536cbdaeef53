"""Files of numbers: the formats say the same, and whatever is no table of numbers is refused in one line."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
import scipy.io
import scipy.sparse
from pyarrow import parquet

from search_spaces.errors import StudyFileError
from search_spaces.tables import CELL, FORMATS, column_names, read_columns
from tests.search_spaces.data_files import COLUMNS, csv, error_of, write


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_holds_the_same_table(ending: str, tmp_path: Path) -> None:
    path = write(tmp_path, ending)
    assert column_names(path) == list(COLUMNS)
    table = read_columns(path, ["u", "x"])
    np.testing.assert_array_equal(table.values, np.array([COLUMNS["u"], COLUMNS["x"]]).T)
    assert table.values.dtype == np.float64 and table.rows.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("ending", [".npz", ".mat", ".parquet"])
@pytest.mark.parametrize("dtype", ["int32", "uint8", "float32", "int64"])
def test_numbers_of_any_size_are_read(ending: str, dtype: str, tmp_path: Path) -> None:
    path = write(tmp_path, ending, {"x": np.array([1, 2, 3], dtype=dtype)})
    assert read_columns(path, ["x"]).values.tolist() == [[1.0], [2.0], [3.0]]


def test_the_ending_may_be_in_capitals(tmp_path: Path) -> None:
    path = write(tmp_path, ".mat").rename(tmp_path / "data.MAT")
    assert len(read_columns(path, ["x"]).rows) == 4


@pytest.mark.parametrize(
    "text",
    [
        "x,u\n1,2\n3,\n",
        "\ufeffx,u\n1,2\n3,\n",
        "x,u\r\n1,2\r\n3,\r\n",
        "x,u\n1,2\n3,",
        ' x , "u"\n +1.0 , "2"\n3e0, \n',
        "note,x,u\nany text,1,2\n,3,\n",
    ],
    ids=["plain", "byte order mark", "Windows", "no line's end", "blanks and quotes", "other columns"],
)
def test_a_csv_is_what_programs_write(text: str, tmp_path: Path) -> None:
    table = read_columns(csv(tmp_path, text), ["x", "u"])
    np.testing.assert_array_equal(table.values, [[1.0, 2.0], [3.0, np.nan]])
    assert table.rows.tolist() == [1, 2]


def test_empty_lines_are_counted_but_not_read(tmp_path: Path) -> None:
    assert read_columns(csv(tmp_path, "x,u\n\n1,2\n\n3,4\n\n"), ["x"]).rows.tolist() == [2, 4]


def test_a_cell_over_several_lines_is_told_by_its_last(tmp_path: Path) -> None:
    path = csv(tmp_path, 'note,x\n"two\nlines",1\n,much\n')
    with pytest.raises(StudyFileError, match="line 4: x is the text 'much'"):
        read_columns(path, ["x"])


CELLS = ["much", "inf", "-Infinity", "NA", "null", "1e999", "1_000", "0x10", "1.0D-3", "1 2", "-", "True"]


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_is_a_number_or_empty(cell: str, tmp_path: Path) -> None:
    path = csv(tmp_path, f"x,t,u\n0.5,0.5,1\n0.5,0.5,{cell}\n")
    assert error_of(path) == f"line 3: u is the text {cell!r}; {CELL}"


@pytest.mark.parametrize("cell", ["", " ", "nan", "NaN"])
def test_a_cell_without_a_number_is_empty_or_nan_as_numpy_writes_it(cell: str, tmp_path: Path) -> None:
    table = read_columns(csv(tmp_path, f"x,u\n0.5,1\n0.5,{cell}\n"), ["x", "u"])
    np.testing.assert_array_equal(table.values, [[0.5, 1.0], [0.5, np.nan]])


CSV_ERRORS = {
    "": "this file is empty; write the names of its columns in line 1, numbers below",
    "\n\n": "this file is empty; write the names of its columns in line 1, numbers below",
    "x;t;u\n1;2;3\n": "its cells are separated by ';'; write commas, and dots in numbers",
    "x\tt\tu\n1\t2\t3\n": "its cells are separated by '\\t'; write commas, and dots in numbers",
    "0.5,1,2\n1,2,3\n": "line 1 holds numbers (0.5, 1, 2); write the names of the columns there",
    "x,t,u\n0.5,0,1\n0,5,0,1\n": "line 3 has 4 cells, the header 3; write as many, with dots in numbers",
    "x,t,u\n0.5,0\n": "line 2 has 2 cells, the header 3; write as many",
    'x,t,u\n0.5,0,1\n"0.5,0,1\n': "line 3: unexpected end of data; mend the quotes there, or before",
    "x,t,u\n": "there are no rows; write one for each point",
    'x,t,u\n0,0,"0,5"\n': f"line 2: u is the text '0,5'; {CELL}",
    f"x,t,u\n0,0,{'y' * 1000}\n": f"line 2: u is the text '{'y' * 60}'; {CELL}",
}


@pytest.mark.parametrize("text", CSV_ERRORS, ids=lambda text: repr(text[:20]))
def test_a_csv_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    assert error_of(csv(tmp_path, text)).startswith(CSV_ERRORS[text])


def test_a_csv_is_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes("x,t,u,Größe\n1,2,3,4\n".encode("latin-1"))
    error = error_of(path)
    assert "'utf-8' codec can't decode" in error and "write UTF-8 text, commas between its cells" in error


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (np.array([1.0, None, "text", 2.0], dtype=object), "column u cannot be read (ValueError: Object arrays"),
        (np.array(["a", "b", "c", "d"]), "column u holds texts; write real numbers, one a row"),
        (np.ones(4, dtype=complex), "column u holds complex numbers; write real numbers, one a row"),
        (np.ones(4, dtype=bool), "column u holds true and false; write real numbers, one a row"),
        (np.ones(4, dtype="datetime64[s]"), "column u holds datetime64[s]; write real numbers, one a row"),
        (np.ones((4, 2)), "column u has the shape (4, 2); write a vector, one number a row"),
        (np.array(1.0), "column u has the shape (); write a vector, one number a row"),
        (np.ones(3), "column x has 4 rows and column u 3; write as many"),
        (np.array([1.0, np.inf, 1.0, 1.0]), "row 2: u is inf; write a finite number"),
    ],
    ids=lambda value: value[:22] if isinstance(value, str) else "",
)
def test_an_array_that_is_no_column_is_refused(column: np.ndarray, words: str, tmp_path: Path) -> None:
    assert error_of(write(tmp_path, ".npz", {**COLUMNS, "u": column})).startswith(words)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.ones((4, 1)) * 1j, "column u holds complex numbers"),
        (np.array([["a", "b", "c", "d"]], dtype=object), "column u holds texts or objects"),
        ({"field": 1.0}, "column u holds"),
        (scipy.sparse.csc_matrix(np.eye(4)), "column u holds texts or objects"),
        (np.ones((2, 2)), "column u has the shape (2, 2)"),
        ("text", "column u holds texts"),
    ],
    ids=["complex", "cell array", "struct", "sparse", "matrix", "text"],
)
def test_a_variable_of_matlab_that_is_no_vector_is_refused(value: Any, words: str, tmp_path: Path) -> None:
    assert error_of(write(tmp_path, ".mat", {**COLUMNS, "u": value})).startswith(words)


@pytest.mark.parametrize("shape", [(4, 1), (1, 4)], ids=["column", "row"])
def test_matlabs_vectors_are_matrices(shape: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "data.mat"
    scipy.io.savemat(path, {"x": np.arange(4.0).reshape(shape)})
    assert read_columns(path, ["x"]).values.tolist() == [[0.0], [1.0], [2.0], [3.0]]


@pytest.mark.parametrize("column", [["a", "b", "c", "d"], [[1.0], [2.0], [3.0], [4.0]], [None] * 4, [True] * 4])
def test_a_column_of_parquet_that_holds_no_numbers_is_refused(column: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(pyarrow.table({**COLUMNS, "u": column}), path)
    assert error_of(path).startswith("column u holds t")


@pytest.mark.parametrize("ending", [".npz", ".mat", ".parquet"])
@pytest.mark.parametrize("damage", ["empty", "text", "cut"])
def test_a_broken_file_is_refused(ending: str, damage: str, tmp_path: Path) -> None:
    path = write(tmp_path, ending)
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "text": b"x,t,u\n1,2,3\n" * 40, "cut": whole[: len(whole) // 2 + 30]}[damage])
    error = error_of(path)
    assert "cannot be read (" in error and "; write " in error


def test_matlabs_newer_files_are_refused_with_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "data.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM" + bytes(512))
    assert "v7.3" in error_of(path) and "write it by MATLAB's save(…, '-v7')" in error_of(path)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    """Neither a pickle instead of an archive, nor what one holds."""
    touched, path = tmp_path / "touched", tmp_path / "data.npz"
    pickled = f"cpathlib\nPath.touch\n(cpathlib\nPath\n(V{touched}\ntRtR.".encode()
    path.write_bytes(pickled)
    assert "this file cannot be read" in error_of(path)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (4,)})
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("x", "t", "u"):
            archive.writestr(f"{name}.npy", header.getvalue() + pickled)
    assert "allow_pickle=False" in error_of(path)
    assert not touched.exists()


def test_a_file_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "date.csv"
    assert error_of(path).endswith(f"does not exist in {tmp_path}; write the path of one, from the study file")
    write(tmp_path, ".csv")
    assert error_of(path) == f"this file of data does not exist in {tmp_path}; write data.csv"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("data.xlsx", "this file of data ends with .xlsx; write one of: .csv, .npz, .mat, .parquet"),
        ("data", "this file of data has no ending; write one of: .csv, .npz, .mat, .parquet"),
        ("folder.csv", "this file of data is a folder; write the path of one, from the study file"),
        (f"{'y' * 300}.csv", "this file cannot be read: File name too long; write another path"),
    ],
    ids=["another format", "no format", "a folder", "a long name"],
)
def test_only_files_of_known_formats_are_read(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    assert error_of(tmp_path / name) == words


def test_slow_packages_are_loaded_by_their_formats_alone(tmp_path: Path) -> None:
    path = write(tmp_path, ".csv")
    slow = {"scipy", "pyarrow", "pandas"}
    code = (
        "import sys; from pathlib import Path; from search_spaces.observations import read_observations as read; "
        f"read(Path({str(path)!r}), coordinates=['x'], parameters=[], outputs=['u']); "
        f"sys.exit(bool({slow} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert answer.returncode == 0, answer.stderr
