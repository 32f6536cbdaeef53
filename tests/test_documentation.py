"""docs/study-file.md says of every key, variant, default, metric and command what the code says; examples work."""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args

import click
import pytest
import yaml

from cnn_core.methods import METHODS
from cnn_core.methods.balance import Balance
from cnn_core.metrics import METRICS
from cnn_core.networks import NETWORKS
from cnn_core.optimizers import OPTIMIZERS
from cnn_core.problems import PROBLEMS, Unknown
from cnn_core.reductions import Reduction
from cnn_core.renewal import Refinement
from cnn_core.schedules import Schedule
from cnn_core.solvers import SOLVERS
from search_spaces.blocks import TAGS, read, write
from search_spaces.forms import DISTRIBUTIONS
from search_spaces.load import load_study, load_trial, resolve
from search_spaces.schema import Contestant, DataSplit, ProblemChoice, Resources, Scheduler, Study, Training, Tune
from study.cli.group import cli
from study.trial.trial import run_trial

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "study-file.md").read_text(encoding="utf-8")

REQUIRED = object()

BLOCKS: Mapping[str, type] = {
    "Top level: `study`": Study,
    "`problem`": ProblemChoice,
    "`data`": DataSplit,
    "`training`": Training,
    "`contestants`": Contestant,
    "`tune`": Tune,
    "`tune.scheduler`": Scheduler,
    "`resources`": Resources,
}
BESIDE = {ProblemChoice: "options", DataSplit: "parameters"}
"""The field whose entries stand beside the others in a file."""

INNER = {
    "an unknown": ("`problem`", Unknown),
    "a refinement": ("`training`", Refinement),
}
"""Blocks inside of others, by what their tables call them."""

VARIANTS: Mapping[str, Mapping[str, type]] = {
    "`network`": NETWORKS,
    "`training.method`": METHODS,
    "`training.optimizer`": OPTIMIZERS,
    "`reduction`": {cls().name: cls for cls in get_args(Reduction)},
    "`balance`": {cls().name: cls for cls in get_args(Balance)},
    "Schedules": {one.name: one for one in get_args(Schedule) if one is not float},
    "`projection`": SOLVERS,
}


def section(heading: str) -> str:
    return re.split(r"^##+ ", TEXT.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str, header: str) -> Iterator[list[str]]:
    """The rows of the table whose header starts with `header`, cell by cell."""
    table = re.search(rf"^\| {re.escape(header)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, flags=re.MULTILINE)
    assert table, header
    for line in table[1].splitlines():
        yield [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def spans(text: str) -> list[str]:
    """What stands in `code spans`."""
    return re.findall(r"`([^`]+)`", text)


def code(cell: str) -> Any:
    return yaml.safe_load(cell.strip("`"))


def default_of(field: Field[Any]) -> Any:
    """A field's default, or REQUIRED."""
    made = field.default if field.default_factory is MISSING else field.default_factory()
    return REQUIRED if made is MISSING else made


def variant_keys(cls: type) -> dict[str, Any]:
    """Key → default as a study file has it; None where there is none."""
    made = {field.name: default_of(field) for field in fields(cls) if field.name not in TAGS}
    return {key: None if default is REQUIRED else write(default) for key, default in made.items()}


@pytest.mark.parametrize("heading", BLOCKS)
def test_every_key_of_a_block_stands_with_its_default(heading: str) -> None:
    require_keys(BLOCKS[heading], rows(section(heading), "key | default | meaning"))


@pytest.mark.parametrize("what", INNER)
def test_every_key_of_an_inner_block_stands_with_its_default(what: str) -> None:
    heading, cls = INNER[what]
    require_keys(cls, rows(section(heading), f"key of {what} | default | meaning"))


def require_keys(cls: type, table: Iterator[list[str]]) -> None:
    """The table has every field of the class, in order, with its default."""
    told = {code(key): default for key, default, _ in table}
    expected = {field.name: default_of(field) for field in fields(cls) if field.name != BESIDE.get(cls)}
    assert list(told) == list(expected)
    for key, default in expected.items():
        if default is REQUIRED:
            assert told[key] == "required", key
        elif is_dataclass(default):
            assert read(type(default), code(told[key])) == default, key
        else:
            assert code(told[key]) == write(default), key


@pytest.mark.parametrize("heading", VARIANTS)
def test_every_variant_stands_with_its_keys(heading: str) -> None:
    registry = VARIANTS[heading]
    first = "solver" if heading == "`projection`" else "name"
    table = rows(section(heading), f"{first} | keys and defaults | what it is")
    told = {code(name): code(keys) for name, keys, _ in table}
    assert told == {name: variant_keys(cls) for name, cls in registry.items()}


@pytest.mark.parametrize("heading", ["`network`", "`training.method`", "`projection`"])
def test_every_key_of_a_variant_is_explained(heading: str) -> None:
    explained = [key for keys, _, _ in rows(section(heading), "key | takes | meaning") for key in spans(keys)]
    assert sorted(explained) == sorted({key for cls in VARIANTS[heading].values() for key in variant_keys(cls)})


def test_every_problem_stands_with_its_options() -> None:
    table = rows(section("`problem`"), "name | parameters of a wave | options and defaults")
    told = {code(name): (parameters, code(options)) for name, parameters, options in table}
    assert told == {
        name: (
            ", ".join(make().parameters),
            {key: parameter.default for key, parameter in inspect.signature(make).parameters.items()},
        )
        for name, make in PROBLEMS.items()
    }


def test_every_distribution_stands() -> None:
    table = rows(section("`search`"), "distribution | values")
    assert [form.strip("`").partition(":")[0] for form, _ in table] == list(DISTRIBUTIONS)


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_metric_stands(solver: str) -> None:
    few = {"data.train.points": 2, "data.validation.amplitude": [0.8], "data.test.frequency": [2.3]}
    short = few | {"training.epochs": 1, "projection.solver": solver, "projection.max_steps": 1}
    metrics = run_trial(resolve(load_study("helmholtz-quick", short), {}))
    measured = {name for name in metrics if not name.startswith("method/")}
    prefixes = [name for name in spans(section("Metric names")) if name.endswith("/")]
    told = {f"{prefix}{figure}" for prefix in prefixes for figure in METRICS} | set(spans(section("Metric names")))
    assert measured <= told


def test_every_command_stands_with_its_options() -> None:
    told = {
        code(command).split()[0]: set(re.findall(r"`(--[a-z-]+)", options))
        for command, options, _ in rows(section("The command line"), "command | options | what it does")
    }
    assert told == {
        name: {flag for option in command.params if isinstance(option, click.Option) for flag in option.opts}
        for name, command in cli.commands.items()
    }


def test_the_example_is_a_study_file() -> None:
    example = re.search(r"^```yaml\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
    assert example
    assert read(Study, yaml.safe_load(example[1])).study == "my-waves"


def test_the_example_of_contestants_competes(tmp_path: Path) -> None:
    file, contestants = re.findall(r"^```yaml\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)[:2]
    both = yaml.safe_load(file) | {"search": {}} | yaml.safe_load(contestants)
    (path := tmp_path / "study.yaml").write_text(yaml.safe_dump(both, sort_keys=False), encoding="utf-8")
    assert [*load_study(path).contestants] == ["soft-adam", "null-space", "from-scratch"]


FILES = {
    name: text
    for _, name, text in re.findall(
        r"```(python|yaml)\n# (\S+)\n(.*?)```", (DOCS / "problems.md").read_text(encoding="utf-8"), re.DOTALL
    )
}
"""The files that docs/problems.md shows, by name."""


@pytest.mark.parametrize("study", [name for name in FILES if name.endswith(".yaml")])
def test_studies_of_ones_own_run(study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text, encoding="utf-8")
    exec(compile(FILES["simulate.py"], "docs/problems.md", "exec"), {})
    trains = load_trial(study).trains
    metrics = run_trial(load_trial(study, {"training.epochs": 1} if trains else {"projection.max_steps": 20}))
    assert metrics["status"] == "completed"
    where = "test/" if trains else "projected/test/"
    assert len([name for name in metrics if name.startswith(where) and name.endswith("_mse")]) > 2


SOLVING = (DOCS / "solving.md").read_text(encoding="utf-8")


def test_pdes_are_solved_from_scratch() -> None:
    examples = re.findall(r"```python\n(.*?)```", SOLVING, re.DOTALL)
    defined: dict[str, Any] = {}
    for example, bound in zip(examples, (1e-6, 1e-6), strict=True):
        exec(compile(example, "docs/solving.md", "exec"), defined)
        assert defined["result"].status == "converged"
        assert float(defined["error"]) <= bound
    assert list(defined["result"].x.shape) == [225, 2]


def test_a_study_file_solves_a_pde_without_training(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", SOLVING, re.DOTALL)
    (path := tmp_path / "front.yaml").write_text(example, encoding="utf-8")
    metrics = run_trial(load_trial(str(path), {}))
    assert metrics["projection/status"] == "converged"
    assert float(metrics["projection/steps"]) > 0
    assert float(metrics["test/relative_l2"]) > 0.5
    assert float(metrics["projected/test/relative_l2"]) < 1e-3


def test_the_map_of_the_house_names_only_what_is_there() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:cnn_core|search_spaces|study|tests)/[\w./]*)`", text))
    assert len(named) > 20
    assert [path for path in named if not (DOCS.parent / path).exists()] == []
    folders = re.findall(r"^  (\w+)/ ", text, flags=re.MULTILINE)
    assert {folder.name for folder in (DOCS.parent / "study").iterdir() if (folder / "__init__.py").exists()} <= {
        *folders
    }
