"""Where results come from: the commit of this code and the versions of the packages it runs on."""

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("cnn-study", "torch", "ray", "optuna", "mlflow")


@cache
def provenance() -> dict[str, str]:
    """`git_commit` (with -dirty if files were changed; absent outside a checkout) and `version/<package>`."""
    versions = {f"version/{package}": found for package in PACKAGES if (found := _version(package))}
    commit = _commit(Path(__file__).resolve().parents[2])
    return ({"git_commit": commit} if commit else {}) | versions | {"version/python": platform.python_version()}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit(root: Path) -> str | None:
    # Only if `root` itself is a checkout: an installed copy may lie inside somebody else's repository.
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
