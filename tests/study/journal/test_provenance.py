"""What a study says about the code it ran with."""

import subprocess
from pathlib import Path

import pytest

from study.journal import provenance
from study.journal.provenance import _commit
from tests.test_architecture import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    (tmp_path / "file").write_text("one", encoding="utf-8")
    subprocess.run([*git, "add", "file"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--no-verify", "-m", "one"], check=True)
    return tmp_path


def test_a_commit_and_changes_to_it(checkout: Path) -> None:
    clean = _commit(checkout)
    assert clean is not None and len(clean) == 40
    (checkout / "file").write_text("two", encoding="utf-8")
    assert _commit(checkout) == f"{clean}-dirty"


def test_an_installed_copy_inside_a_checkout_is_not_that_checkout(checkout: Path) -> None:
    (checkout / "site-packages").mkdir()
    assert _commit(checkout / "site-packages") is None


def test_versions_of_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "PACKAGES", ("torch", "no-such-package"))
    found = provenance.provenance.__wrapped__()
    assert found.keys() - {"git_commit"} == {"version/torch", "version/python"}


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout")
def test_a_study_says_the_commit_of_the_checkout_it_runs_from() -> None:
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert provenance.provenance()["git_commit"].removesuffix("-dirty") == head.stdout.strip()
