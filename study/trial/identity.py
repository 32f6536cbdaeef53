"""What makes a trial this trial: its settings and its own code; and how a saved one differs from it.

Another code keeps no trial from going on, since most changes change nothing in it; but it is told. Trials that were
saved by earlier versions say nothing of their code.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from cnn_core.networks.embedding import scaling_to_unit
from search_spaces import load
from search_spaces.blocks import read
from search_spaces.data_files import digest, files_of
from search_spaces.errors import StudyFileError
from search_spaces.problems import build_problem
from search_spaces.schema import OF_A_TRIAL, ProblemChoice, Study
from search_spaces.sources import sources_of, version

CODE = "code"
"""Beside the blocks of a trial's settings: its own modules, as `version` says it."""

FILES = "files"
"""Beside them, too: what each of its data files holds, as `digest` says it; with others it is another trial."""


def settings_of(study: Study) -> str:
    """A trial's settings, its own code and what its data files hold, as text."""
    code = version(sources_of(study))
    files = {name: digest(path) for name, path in files_of(study.data).items()}
    beside = ({CODE: code} if code else {}) | ({FILES: files} if files else {})
    return json.dumps(load.settings_of(study) | beside, sort_keys=True)


def training_of(settings: str) -> str:
    """What of a trial's settings its training depends on: all but the projection."""
    return json.dumps({name: value for name, value in json.loads(settings).items() if name != "projection"})


def study_of(saved: str) -> Study:
    """The trial that has these settings, as a study of one trial. Raises StudyFileError."""
    settings = _of_now(saved)
    return read(Study, {"study": "saved", **{name: settings[name] for name in OF_A_TRIAL if name in settings}})


def differences(saved: str, own: str) -> list[str]:
    """The blocks in which two trials' settings differ."""
    return _unlike(_of_now(saved), json.loads(own))


def differences_in_kind(saved: str, own: str) -> list[str]:
    """What keeps a trial from going on where another ended; its projection and its rates may be others."""
    return _unlike(_kind(_of_now(saved)), _kind(json.loads(own)))


def code_of(saved: str) -> str | None:
    """The version of the own code that these settings name."""
    return json.loads(saved).get(CODE)


def code_changes(saved: str, own: str) -> list[str]:
    """What the user should know of the code of a trial that goes on; nothing if it is the same, or nobody knows."""
    before, now = (json.loads(settings).get(CODE) for settings in (saved, own))
    if before is None or now is None or before == now:
        return []
    return ["its own code has changed since this was saved; it goes on with the code of now"]


def _of_now(saved: str) -> dict[str, Any]:
    """Settings that were saved, perhaps by a version that knew fewer, with the defaults of the others.

    Networks of before did not normalise their inputs.
    """
    settings = json.loads(saved)
    beside = {name: settings.pop(name) for name in (CODE, FILES) if name in settings}
    with suppress(StudyFileError):  # it differs from any trial of today
        if "normalise" not in (network := settings["network"]) and network["name"] in ("dense", "modulated"):
            problem = build_problem(read(ProblemChoice, settings["problem"], "problem"))
            normalised = scaling_to_unit(tuple(problem.box.values())) is None  # then it makes no difference
            settings["network"] = {**network, "normalise": normalised}
        settings = load.settings_of(read(Study, {"study": "saved", **settings}))
    return settings | beside


def _kind(settings: Mapping[str, Any]) -> dict[str, Any]:
    training = settings["training"]
    names = {f"training.{block}.name": training[block]["name"] for block in ("method", "optimizer")}
    data = {f"data.{name}": settings["data"][name] for name in ("train", "validation")}
    files = {FILES: settings[FILES]} if FILES in settings else {}
    bootstrap = settings["data"]["train"].get("bootstrap") is not None
    seed = {"training.seed": training["seed"]} if bootstrap else {}  # another one draws other data
    return {name: settings[name] for name in ("problem", "network")} | data | names | files | seed


def _unlike(saved: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    return [name for name, value in own.items() if name != CODE and saved.get(name) != value]
