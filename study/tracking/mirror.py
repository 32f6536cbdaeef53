"""From a study's journal to MLflow: which event makes which run, figures, tags and files there.

Uploading is idempotent. A study and its trials are found again by their tags, the place reached is kept in
`tracking.json`, and figures carry the journal's own times, so that one sent twice is one row of MLflow's table.
"""

import getpass
import json
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from search_spaces.load import dump, resolve
from search_spaces.schema import Study
from study.analysis.findings import analyse
from study.journal import locks
from study.journal.files import BOOKMARKS, REPORT, STUDY, TRIALS
from study.journal.journal import Journal, TrialRecord, TrialStatus, enter
from study.report import drawing
from study.tracking import content, views
from study.tracking.addresses import STUDY_PAGE, links
from study.trial.files import PERCENTILES, PREDICTIONS, SETTINGS, TRACEBACK

if TYPE_CHECKING:
    from study.tracking.store import Store

TRIAL_FILES = (SETTINGS, PERCENTILES, PREDICTIONS, TRACEBACK)
FIGURES_AT_ONCE = 1000
"""A run's figures are sent when there are so many; what is less waits for the end of the round."""

FIGURES_PER_PLACE, SECONDS_PER_PLACE = 100_000, 10.0
"""The place is remembered at least this often: an upload that broke repeats no more, a slow one is seen to go on."""

RUNNING = {"status": str(TrialStatus.RUNNING)}

RUN_STATUS = {
    TrialStatus.COMPLETED: "FINISHED",
    TrialStatus.PRUNED: "FINISHED",
    TrialStatus.DIVERGED: "FINISHED",
    TrialStatus.FAILED: "FAILED",
    TrialStatus.STOPPED: "KILLED",
}
"""MLflow's status of an ended trial; the tag `status` has ours."""

Figure = tuple[str, float, int, int]
"""Name, value, milliseconds since 1970, step."""


@dataclass
class Place:
    """How far a study's journal has reached one MLflow: what `tracking.json` says of its tracking URI.

    `unfiled` are ended trials whose files and plots are still to be uploaded; `links` are title → address in the UI.
    `problem` is why the last upload ended early, empty if it did not.
    """

    offset: int = 0
    experiment: str = ""
    study_run: str = ""
    unfiled: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    problem: str = ""

    @staticmethod
    def read(directory: Path, tracking_uri: str) -> "Place":
        """The place reached; the beginning if nothing was uploaded yet."""
        found = _places(directory).get(tracking_uri, {})
        place = Place(**{name: found[name] for name in PLACE_FIELDS & found.keys()})
        start = Place()
        sound = all(isinstance(getattr(place, name), type(getattr(start, name))) for name in PLACE_FIELDS)
        return place if sound else start

    def write(self, directory: Path, tracking_uri: str) -> None:
        """Remember the place, in one step that a crash cannot halve."""
        new = directory / f"{BOOKMARKS}.new"
        new.write_text(json.dumps(_places(directory) | {tracking_uri: asdict(self)}, indent=2), encoding="utf-8")
        new.replace(directory / BOOKMARKS)

    @staticmethod
    def note(directory: Path, tracking_uri: str, problem: str) -> None:
        """Remember why the last upload ended early."""
        place = Place.read(directory, tracking_uri)
        if place.problem != problem:
            place.problem = problem
            place.write(directory, tracking_uri)


PLACE_FIELDS = {field.name for field in fields(Place)}


class Upload:
    """What `store` has been told of a study. After any error a new upload takes over from the saved place."""

    def __init__(self, directory: Path, study: Study, store: "Store") -> None:
        self.directory, self.study, self.store = directory, study, store
        self.journal = Journal(directory)
        self.place = Place()
        self.records: dict[str, TrialRecord] = {}
        self.trial_runs: dict[str, str] = {}
        self.trials_ended = 0
        self.code_tags: dict[str, str] = {}
        self.pending: defaultdict[str, list[Figure]] = defaultdict(list)
        self.pool = ThreadPoolExecutor(store.requests_at_once)
        self.sending: deque[Future[None]] = deque()
        self.sent, self.saved = 0, time.monotonic()

    def advance(self) -> int:
        """Upload all events that are in the journal by now, then the files of ended trials; returns how many events."""
        if not self.place.study_run and not self._find_place():
            return 0
        events = self._send_events()
        while self.place.unfiled:
            self._file(self.place.unfiled[0])
            del self.place.unfiled[0]
            self._save()
            events += self._send_events()  # drawing takes a while; figures of running trials do not wait for it
        return events

    def close(self) -> None:
        """Add the report; unless a driver runs the study, mark what a killed one left running as interrupted."""
        if not self.place.study_run:
            return
        family = {self.place.study_run, *self.trial_runs.values()} if locks.is_free(self.directory) else set()
        for run, _ in self.store.runs(self.place.experiment, "attributes.status = 'RUNNING'"):
            if run in family:
                self.store.log(run, tags={"status": "interrupted"})
                self.store.end(run, "KILLED")
        if self._has_report():
            self.store.file(self.place.study_run, self.directory / REPORT)
        self._describe()
        self._save()

    def _has_report(self) -> bool:
        return (self.directory / REPORT / "report.html").exists()

    def _find_place(self) -> bool:
        began = next((event["time"] for _, event in self.journal.events()), None)
        if began is None:
            return False
        experiment = self.place.experiment = self.store.experiment(self.study.study)
        key = f"{self.directory.name} {datetime.fromtimestamp(began, UTC).isoformat()}"
        found = self.store.runs(experiment, f"tags.study_key = '{key}'")
        run = found[0][0] if found else self._create(self.directory.name, began, {"study_key": key})
        saved = Place.read(self.directory, self.store.tracking_uri)
        # A database that was replaced since knows nothing of what the saved place says.
        self.place = saved if saved.study_run == run else Place(experiment=experiment, study_run=run)
        self.place.problem = ""
        children = self.store.runs(experiment, f"tags.mlflow.parentRunId = '{run}'")
        self.trial_runs = {tags["trial"]: child for child, tags in children}
        for offset, event in self.journal.events():
            if offset <= self.place.offset:
                self._enter(event)
        for trial in self.records.keys() - set(self.place.unfiled):
            self._forget(self.records[trial])
        return True

    def _create(self, name: str, began: float, tags: Mapping[str, str]) -> str:
        own = {"mlflow.user": getpass.getuser(), "mlflow.source.name": "cnn-study", "study": self.directory.name}
        return self.store.create(self.place.experiment, name, _milliseconds(began), own | dict(tags))

    def _send_events(self) -> int:
        events = 0
        for offset, event in self.journal.events(self.place.offset):
            self._send(event)
            self.place.offset, events = offset, events + 1
            if self.sent >= FIGURES_PER_PLACE or time.monotonic() > self.saved + SECONDS_PER_PLACE:
                self._save()
        if events:
            self._describe()
            self._save()
        return events

    def _send(self, event: Mapping[str, Any]) -> None:
        history = self.records[event["trial"]].history if event.get("trial") in self.records else []
        last_epoch = history[-1][0] if history else 0
        self._enter(event)
        when = _milliseconds(event["time"])
        match event["event"]:
            case "study-start":
                self._study_start(when)
            case "trial-start":
                self._trial_start(event)
            case "epoch" if event["epoch"] > last_epoch:  # else a resumed trial repeats what it did before
                self._add(self.trial_runs.get(event["trial"]), event["metrics"], when, event["epoch"])
            case "trial-end":
                self._trial_end(self.records[event["trial"]], when)
            case "study-end":
                status = event.get("status", "FINISHED")
                self.store.log(self.place.study_run, tags={"status": status.lower()})
                self.store.end(self.place.study_run, status, when)

    def _enter(self, event: Mapping[str, Any]) -> None:
        enter(event, self.records)
        if event["event"] == "study-start":
            self.code_tags = content.code_tags(event.get("provenance", {}))
        elif event["event"] == "trial-end":
            self.trials_ended += 1

    def _study_start(self, when: int) -> None:
        run = self.place.study_run
        self.store.resume(run)  # if it had ended
        self.store.log(run, tags=content.study_tags(self.study) | self.code_tags | RUNNING)
        self._settle(run, content.study_parameters(dump(self.study)))
        self.store.file(run, self.directory / STUDY)
        for key, view in views.views(self.study, name=self.directory.name, created=when).items():
            self.store.tag_experiment(self.place.experiment, key, view)

    def _trial_start(self, event: Mapping[str, Any]) -> None:
        trial, settings = event["trial"], resolve(self.study, event["values"])
        parameters = content.trial_parameters(dump(settings))
        if trial in self.place.unfiled:
            self.place.unfiled.remove(trial)
        if trial in self.trial_runs:  # a resumed study starts the trial again
            self.store.resume(self.trial_runs[trial])
            self.store.log(self.trial_runs[trial], tags=RUNNING)
            self._settle(self.trial_runs[trial], parameters)
            return
        tags = content.trial_tags(trial, settings) | self.code_tags | {"mlflow.parentRunId": self.place.study_run}
        run = self._create(content.run_name(trial, settings), event["time"], tags | RUNNING)
        self.trial_runs[trial] = run
        self.store.log(run, parameters=parameters)

    def _settle(self, run: str, parameters: Mapping[str, str]) -> None:
        known = self.store.parameters(run)  # they are final, and another version may write a value in another way
        self.store.log(run, parameters={name: text for name, text in parameters.items() if name not in known})

    def _trial_end(self, record: TrialRecord, when: int) -> None:
        self._add(self.place.study_run, content.study_figures(self.study, self.records), when, self.trials_ended)
        if (run := self.trial_runs.get(record.trial)) is None:
            return
        epoch, _, last = record.history[-1] if record.history else (0, 0.0, {})
        figures, texts = content.last_figures(record), content.last_tags(record)
        self._add(run, {name: value for name, value in figures.items() if last.get(name) != value}, when, epoch)
        self.store.log(run, tags=texts)
        self.store.end(run, RUN_STATUS[record.status], when)
        if record.trial not in self.place.unfiled:
            self.place.unfiled.append(record.trial)

    def _file(self, trial: str) -> None:
        record, folder = self.records[trial], self.directory / TRIALS / trial
        if (run := self.trial_runs.get(trial)) is None:
            return
        for path in (folder / name for name in TRIAL_FILES):
            if path.exists():
                self.store.file(run, path)
        with TemporaryDirectory(prefix="cnn-study-") as target:
            for name, missing in drawing.draw(record, folder, Path(target)).items():
                if missing:
                    self.store.log(run, tags={f"missing/{name}": missing[: content.LONGEST_TEXT]})
                else:
                    self.store.file(run, Path(target) / name)
        self._forget(record)

    def _forget(self, record: TrialRecord) -> None:
        if record.status not in (TrialStatus.RUNNING, TrialStatus.STOPPED, TrialStatus.FAILED):  # those may go on
            record.history = record.history[-1:]

    def _describe(self) -> None:
        analysis = analyse(self.study, self.records)
        best = [self.trial_runs.get(record.trial) for record in analysis.best_trials().values()]
        self.place.links = links(
            self.place.experiment,
            self.place.study_run,
            name=self.directory.name,
            best=[run for run in best if run],
            report=self._has_report(),
        )
        others = {title: address for title, address in self.place.links.items() if title != STUDY_PAGE}
        text = content.description(analysis, name=self.directory.name, links=others)
        self.store.log(self.place.study_run, tags={"mlflow.note.content": text})

    def _add(self, run: str | None, figures: Mapping[str, float], when: int, step: int) -> None:
        if run is None:  # a run that was deleted in MLflow stays deleted
            return
        self.pending[run] += [(name, float(value), when, step) for name, value in figures.items()]
        if len(self.pending[run]) >= FIGURES_AT_ONCE:
            self._flush(run)

    def _flush(self, run: str) -> None:
        figures = self.pending.pop(run)
        self.sending.append(self.pool.submit(self.store.add, run, figures))
        self.sent += len(figures)
        if len(self.sending) > 2 * self.store.requests_at_once:
            self.sending.popleft().result()

    def _save(self) -> None:
        for run in list(self.pending):
            self._flush(run)
        while self.sending:
            self.sending.popleft().result()
        self.sent, self.saved = 0, time.monotonic()
        self.place.write(self.directory, self.store.tracking_uri)


def _places(directory: Path) -> dict[str, dict[str, Any]]:
    """None where there is no file, or one that cannot be read: what is sent again is there once."""
    try:
        found = json.loads((directory / BOOKMARKS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {uri: place for uri, place in found.items() if isinstance(place, dict)} if isinstance(found, dict) else {}


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
