"""Which files are a study's own modules, and that their version changes with them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from search_spaces import sources
from search_spaces.sources import own_sources, version

FILES = {
    "sea_waves.py": "import json\nimport torch\nfrom sea_more import scale\nfrom sea_pack.deep import depth\n",
    "sea_more.py": "from cnn_core.problems import helmholtz\nscale = 2.0\ndef later():\n    import sea_later\n",
    "sea_later.py": "",
    "sea_pack/__init__.py": "",
    "sea_pack/deep.py": "from . import beside\nfrom .beside import value as depth\n",
    "sea_pack/beside.py": "value = 1\n",
    "sea_pack/unused.py": "",
    "unused.py": "",
    "json.py": "",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "json.py").unlink()
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    forget()


def forget() -> None:
    for name in [name for name in sys.modules if name.startswith("sea_")]:
        del sys.modules[name]
    sources._sources.cache_clear()


def test_they_are_followed_from_the_problem_through_the_folder(folder: Path) -> None:
    found = own_sources("sea_waves:scale")
    assert sorted(found) == [
        "sea_later.py",
        "sea_more.py",
        "sea_pack/__init__.py",
        "sea_pack/beside.py",
        "sea_pack/deep.py",
        "sea_waves.py",
    ]
    assert found["sea_more.py"] == FILES["sea_more.py"].encode()


def test_a_module_of_a_package_belongs_to_the_folder_of_the_package(folder: Path) -> None:
    found = own_sources("sea_pack.deep:depth")
    assert sorted(found) == ["sea_pack/__init__.py", "sea_pack/beside.py", "sea_pack/deep.py"]


@pytest.mark.parametrize("name", ["helmholtz", "cnn_core.problems:helmholtz", "sea_nowhere:wave", "sys:path"])
def test_there_are_none_of_what_is_not_the_users(name: str, folder: Path) -> None:
    assert own_sources(name) == {}
    assert version({}) is None


def test_of_what_is_installed_only_its_own_package_is_kept() -> None:
    found = own_sources("optuna.version:__version__")
    assert found and {path.partition("/")[0] for path in found} == {"optuna"}


@pytest.mark.parametrize("changed", ["sea_waves.py", "sea_more.py", "sea_pack/beside.py"])
def test_another_text_is_another_version(folder: Path, changed: str) -> None:
    before = version(own_sources("sea_waves:scale"))
    (folder / "unused.py").write_text("something = 1\n", encoding="utf-8")
    forget()
    assert version(own_sources("sea_waves:scale")) == before
    (folder / changed).write_text(FILES[changed] + "# another line\n", encoding="utf-8")
    assert version(own_sources("sea_waves:scale")) == before, "this process has the old one"
    forget()
    assert version(own_sources("sea_waves:scale")) != before
