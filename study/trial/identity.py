"""What makes a trial this trial: its settings; and how a saved one differs from one that is to go on from it."""

import json
from collections.abc import Mapping
from typing import Any


def differences(saved: str, own: str) -> list[str]:
    """The blocks in which two trials' settings differ."""
    return _unlike(json.loads(saved), json.loads(own))


def differences_in_kind(saved: str, own: str) -> list[str]:
    """What keeps a trial from going on where another ended; its projection and its rates may be others."""
    return _unlike(_kind(json.loads(saved)), _kind(json.loads(own)))


def _kind(settings: Mapping[str, Any]) -> dict[str, Any]:
    training = settings["training"]
    names = {f"training.{block}.name": training[block]["name"] for block in ("method", "optimizer")}
    data = {f"data.{name}": settings["data"][name] for name in ("train", "validation")}
    return {name: settings[name] for name in ("problem", "network")} | data | names


def _unlike(saved: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    return [name for name, value in own.items() if saved.get(name) != value]
