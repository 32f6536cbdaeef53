"""A store that keeps in memory what MLflow would keep, and that breaks when it is told to."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from study.tracking.store import MetricPoint


class Broken(RuntimeError):
    """The connection broke."""


class MemoryStore:
    """Keeps what MLflow would keep. Breaks once, before or after its call number `breaks_at` has taken effect."""

    tracking_uri = "memory://"
    requests_at_once = 2

    def __init__(self) -> None:
        self.content: dict[str, dict[str, Any]] = {}
        self.refused: list[str] = []
        self.calls = 0
        self.breaks_at: int | None = None
        self.takes_effect = False

    def call(self, effect: Callable[[], Any]) -> Any:
        self.calls += 1
        if self.calls != self.breaks_at:
            return effect()
        if self.takes_effect:
            effect()
        raise Broken

    def experiment(self, name: str) -> str:
        return self.call(lambda: "1")

    def tag_experiment(self, experiment: str, name: str, text: str) -> None:
        self.call(lambda: None)

    def find_runs(self, experiment: str, *, tag: str, text: str) -> dict[str, dict[str, str]]:
        tags = {run: kept["tags"] for run, kept in self.content.items()}
        return self.call(lambda: {run: known for run, known in tags.items() if known.get(tag) == text})

    def studies(self, experiment: str, name: str) -> dict[str, str]:
        tags = {run: kept["tags"] for run, kept in self.content.items() if "study_key" in kept["tags"]}
        return self.call(lambda: {run: own["study_key"] for run, own in tags.items() if own["study"] == name})

    def running(self, experiment: str) -> set[str]:
        return self.call(lambda: {run for run, kept in self.content.items() if kept["status"] == "RUNNING"})

    def create(self, experiment: str, name: str, began: int, tags: Mapping[str, str]) -> str:
        run = f"run-{len(self.content)}"
        new = {"name": name, "tags": dict(tags), "parameters": {}, "metrics": set(), "files": set()}
        self.call(lambda: self.content.update({run: new | {"status": "RUNNING"}}))
        return run

    def parameters(self, run: str) -> set[str]:
        return self.call(lambda: set(self.content[run]["parameters"]))

    def log(self, run: str, *, tags: Mapping[str, str] = {}, parameters: Mapping[str, str] = {}) -> None:
        kept: dict[str, str] = self.content[run]["parameters"]
        assert all(kept.get(name, text) == text for name, text in parameters.items()), "MLflow's parameters are final"
        self.call(lambda: (self.content[run]["tags"].update(tags), kept.update(parameters)))

    def untag(self, run: str, tag: str) -> None:
        self.call(lambda: self.content[run]["tags"].pop(tag, None))

    def add(self, run: str, points: Sequence[MetricPoint]) -> None:
        self.call(lambda: self.content[run]["metrics"].update(points))

    def file(self, run: str, path: Path) -> None:
        self.call(lambda: self.content[run]["files"].add(path.name))

    def end(self, run: str, status: str, when: int | None = None) -> None:
        self.call(lambda: self.content[run].update(status=status))

    def resume(self, run: str) -> None:
        self.call(lambda: self.content[run].update(status="RUNNING"))

    def by_name(self) -> dict[str, dict[str, Any]]:
        """The runs, comparable with those of another store."""
        named = {run["name"]: json.loads(json.dumps(run, default=sorted)) for run in self.content.values()}
        assert len(named) == len(self.content), "a run is there twice"
        return named
