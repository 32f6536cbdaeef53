"""What a user gets: the wheel, the command, exact versions, and a README whose commands and example work."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from search_spaces.load import load_study, resolve, shipped_spaces
from study.cli.group import cli
from study.trial.trial import Trial
from tests.test_architecture import PACKAGES, ROOT, imported_packages, named, sources

DISTRIBUTIONS = {"yaml": "pyyaml", "pytorch_optimizer": "pytorch-optimizer", "PIL": "pillow"}
"""Imported packages whose distribution has another name."""

ENTRY = "cnn_study_command"
"""The module that the command is."""

COMMAND = Path(sys.executable).with_name("cnn-study")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):.*## ", text, flags=re.MULTILINE))


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def fronts(readme: str) -> str:
    """The module of a problem of one's own that the README shows."""
    (example,) = [block for block in code_blocks(readme, "python") if "def fronts" in block]
    return example


def requirements(project: dict[str, Any]) -> list[Requirement]:
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    return [Requirement(line) for line in lines if not line.startswith(project["name"])]


def test_every_dependency_has_an_exact_version(project: dict[str, Any]) -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.startswith("#")]
    versions = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pinned}
    assert all(str(pin.specifier).startswith("==") for pin in pinned)
    for requirement in requirements(project):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement


def test_every_import_is_a_declared_dependency(project: dict[str, Any]) -> None:
    lines = [*project["dependencies"], *project["optional-dependencies"]["geometry"]]
    declared = {canonicalize_name(Requirement(line).name) for line in lines} | set(PACKAGES)
    undeclared = {
        f"{named(path)}:{line}: {name}"
        for path in sources(*PACKAGES)
        for line, name in imported_packages(path)
        if name not in sys.stdlib_module_names and DISTRIBUTIONS.get(name, name) not in declared
    }
    assert not undeclared


def test_the_wheel_holds_the_packages_and_the_study_files(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE", f"{ENTRY}.py"):
        shutil.copy(ROOT / file, source)
    files = {str(path.relative_to(source)) for path in source.rglob("*") if path.parent != source and path.is_file()}
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), "."]
    subprocess.run(build, cwd=source, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    (wheel,) = tmp_path.glob("cnn_study-*.whl")
    assert files | {f"{ENTRY}.py"} <= set(zipfile.ZipFile(wheel).namelist())


def test_the_command_is_installed_and_answers() -> None:
    answer = subprocess.run([COMMAND, "--help"], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    for name in ("spaces", "check", "trial", "run", "report", "status", "ui"):
        assert re.search(rf"^  {name}\b", answer.stdout, flags=re.MULTILINE), name


TAKEN = {
    "study.py": "study.py",
    "cnn_core.py": "cnn_core.py",
    "search_spaces/__init__.py": "search_spaces/__init__.py",
    "study/notes.txt": "study",
}


def started(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    program = f"import sys\nsys.argv[0] = 'cnn-study'\nfrom {ENTRY} import main\nmain()"
    return subprocess.run(
        [sys.executable, "-P", "-c", program, "spaces"],
        cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize(
    "file",
    [pytest.param(file, marks=[pytest.mark.slow] if file != "study.py" else []) for file in TAKEN],
)
def test_what_has_the_name_of_a_package_of_ours_is_refused_or_passed_over(file: str, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("raise SystemExit('not ours')\n")
    assert started(tmp_path, PYTHONPATH=str(ROOT)).returncode == 0  # it is only in the current folder
    assert started(tmp_path, PYTHONPATH=f"{ROOT}:{tmp_path}").returncode == 0  # it comes later
    answer = started(tmp_path, PYTHONPATH=f"{tmp_path}:{ROOT}")
    name = Path(file).parts[0].removesuffix(".py")
    if file == "study/notes.txt":  # a folder that is no package gives way to one
        assert answer.returncode == 0
        return
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == (
        f"error: {tmp_path / TAKEN[file]} has the name of cnn-study's own package {name}, and Python finds it first; "
        f"give it another name, or take {tmp_path} out of PYTHONPATH\n"
    )


def test_make_help_lists_every_target() -> None:
    answer = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True)
    assert {"help", "install", "study", "test", "test-all", "check", "ui"} <= make_targets()
    assert {line.split()[1] for line in answer.stdout.splitlines() if line.startswith("  make ")} == make_targets()


def test_the_readme_names_only_make_targets_that_exist(readme: str) -> None:
    used = set(re.findall(r"\bmake ([a-z-]+)", "\n".join(code_blocks(readme, "(?:sh|console|bash)"))))
    assert {"study", "test"} <= used <= make_targets()


def test_the_readme_names_only_files_that_exist(readme: str) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", readme)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_readme_shows_the_library(readme: str) -> None:
    (example,) = [block for block in code_blocks(readme, "python") if "train(" in block]
    defined: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), defined)
    assert defined["metrics"]["relative_l2"] < 0.5


def test_the_readme_shows_a_training_loop_of_ones_own(readme: str) -> None:
    blocks = code_blocks(readme, "python")
    defined: dict[str, Any] = {}
    for example in [block for block in blocks if "class Mine" in block or "NullSpace(" in block]:
        exec(compile(example, "README.md", "exec"), defined)
    assert defined["model"].path == "general"
    for end, start in (("after", "before"), ("under_adam", "after")):
        assert float((defined[end] / defined[start]).detach()) == pytest.approx(0.95**50, rel=0.02)


def test_the_readme_says_how_to_add_a_pde_in_few_lines(readme: str) -> None:
    for text, most in ((fronts(readme), 25), *((block, 20) for block in code_blocks(readme, "yaml"))):
        assert len([line for line in text.splitlines() if line.strip()]) <= most


FAST = {
    "training.epochs": "1",
    "data.train.points": "{interior: 20, initial: 4, boundary: 4}",
    "data.validation.points": "{interior: 10, initial: 4, boundary: 4}",
    "data.test.points": "{interior: 15, initial: 4, boundary: 4}",
}


@pytest.mark.parametrize(
    ("study", "measured"),
    [
        ("fronts", {"test/growth_mse", "test/start_mse", "test/walls_mse"}),
        ("fronts-rate", {"projected/test/growth_mse", "projected/test/data_mse", "projected/unknown/rate"}),
    ],
)
def test_that_pde_can_be_studied(
    readme: str,
    tmp_path: Path,
    study: str,
    measured: set[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fronts.py").write_text(fronts(readme), encoding="utf-8")
    (study_file,) = [block for block in code_blocks(readme, "yaml") if f"study: {study}\n" in block]
    (tmp_path / f"{study}.yaml").write_text(study_file, encoding="utf-8")
    rows = [f"{index / 40},{index % 7 / 7},{index / 50},0.02" for index in range(40)]
    (tmp_path / "fronts.csv").write_text("\n".join(["x,t,u,u_error", *rows]), encoding="utf-8")
    batches = {"training.batch_size": "{initial: 4, interior: 10, boundary: 4}"}
    fast = FAST | batches if study == "fronts" else {"projection.max_steps": "5"}
    sets = [word for path, value in fast.items() for word in ("--set", f"{path}={value}")]
    cli(["trial", f"{study}.yaml", *sets, "--json"], standalone_mode=False)
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert printed["status"] == "completed"
    assert measured <= set(printed["metrics"])


def test_the_readme_names_only_commands_that_exist(readme: str) -> None:
    for line in "\n".join(code_blocks(readme, "sh")).splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0] == "cnn-study":
            options = {flag for parameter in cli.commands[words[1]].params for flag in parameter.opts}
            assert {word for word in words if word.startswith("--")} <= options, line
            assert all(word in shipped_spaces() for word in words[2:3] if word.startswith("helmholtz")), line


def test_the_readme_shows_how_a_network_is_used(readme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = [block for block in code_blocks(readme, "python") if "load_trial" in block]
    monkeypatch.chdir(tmp_path)
    trial = Trial(resolve(load_study("helmholtz-quick", {"training.epochs": 1, "data.train.points": 2}), {}))
    trial.step()
    trial.save(Path("runs/helmholtz-quick/trials/0007"))
    defined: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), defined)
    assert defined["u"].shape == (3, 1)
    assert defined["slope"].shape == (1, 1)
    assert defined["error"].shape == (2,)
