"""What must never be in the sources: ways in which a file or a name could run code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_architecture import PACKAGES, ROOT, named, sources

NEVER_IMPORTED = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}

NEVER_CALLED = {"eval", "exec", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "yaml.full_load"}

SAFE_ONLY_WITH = {"torch.load": "weights_only"}
"""Function → the keyword that must be true, since the function may run code otherwise."""

UNSAFE_WITH = {"allow_pickle", "shell"}
"""Keywords that must not be true anywhere."""

FILES = sources(*PACKAGES, "benchmarks")


def calls(path: Path) -> Iterator[tuple[int, str, dict[str, ast.expr]]]:
    """Line, dotted name of the function, and keywords of every call in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func), {word.arg: word.value for word in node.keywords if word.arg}


def is_true(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is True


def imports(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    from_ = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {part for name in plain | from_ for part in name.split(".")}


def test_nothing_is_unpickled() -> None:
    assert {named(path): imports(path) & NEVER_IMPORTED for path in FILES if imports(path) & NEVER_IMPORTED} == {}


@pytest.mark.parametrize("path", FILES, ids=named)
def test_no_call_can_run_what_a_file_says(path: Path) -> None:
    for line, function, keywords in calls(path):
        where = f"{named(path)}:{line}: {function}"
        assert function not in NEVER_CALLED, where
        if function in SAFE_ONLY_WITH:
            keyword = SAFE_ONLY_WITH[function]
            assert is_true(keywords.get(keyword)), f"{where} without {keyword}=True"
        for keyword in UNSAFE_WITH & keywords.keys():
            assert not is_true(keywords[keyword]), f"{where} with {keyword}=True"


def test_the_rules_catch_what_they_are_for(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("import ray.cloudpickle as p\nyaml.load(x)\nnp.load(x, allow_pickle=True)\n", encoding="utf-8")
    assert imports(bad) & NEVER_IMPORTED == {"cloudpickle"}
    assert [function for _, function, _ in calls(bad)] == ["yaml.load", "np.load"]


def test_the_cluster_page_names_what_exists() -> None:
    text = (ROOT / "docs" / "operating-a-cluster.md").read_text(encoding="utf-8")
    for link in ("../cluster.yaml", "clusters/on-premise.yaml", "clusters/slurm.sh", "clusters/kuberay.yaml"):
        assert f"]({link})" in text
        assert (ROOT / "docs" / link).exists()
