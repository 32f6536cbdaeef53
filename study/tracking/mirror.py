"""From a study's journal to MLflow: which event makes which run, metrics, tags and files there.

Uploading is idempotent. A study and its trials are found again by their tags, a bookmark says how far the journal has
been read, and metrics carry the journal's own times, so that one sent twice is one row of MLflow's table.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from search_spaces.contestants import CONTESTANT
from search_spaces.load import dump, resolve
from search_spaces.schema import Study
from search_spaces.space import planned
from study.analysis.findings import analyse
from study.analysis.looked_at import looked_at
from study.journal import locks
from study.journal.events import Event, TrialStatus
from study.journal.files import CODE, REPORT, STUDY, TRIALS
from study.journal.journal import Journal, Reader
from study.journal.record import TrialRecord
from study.report.page import PAGE
from study.tracking import content, views
from study.tracking.addresses import STUDY_PAGE, links
from study.tracking.bookmark import Bookmark
from study.tracking.networks import publish
from study.tracking.outbox import Outbox
from study.tracking.store import MetricPoint, Store, user
from study.tracking.tally import Tally
from study.trial.files import CHECKPOINT, PERCENTILES, PREDICTIONS, SETTINGS, TRACEBACK

TRIAL_FILES = (SETTINGS, PERCENTILES, PREDICTIONS, TRACEBACK)

METRICS_PER_BOOKMARK, SECONDS_PER_BOOKMARK = 100_000, 5.0
"""The bookmark is kept at least this often: an upload that broke repeats no more, a slow one is seen to go on."""

MOST_REFUSED = 100
"""So many of the things that MLflow refused are remembered."""

RUNNING = {"status": str(TrialStatus.RUNNING)}


class Mirror:
    """A study as `store` shows it. After any error a new mirror takes over from the bookmark."""

    def __init__(
        self, directory: Path, study: Study, store: Store, *, on_progress: Callable[[], None] = lambda: None
    ) -> None:
        self.directory, self.study, self.store, self.on_progress = directory, study, store, on_progress
        self.trials = planned(study)
        self.reader = Reader(Journal(directory))
        self.records = self.reader.records
        self.bookmark = Bookmark()
        self.trial_runs: dict[str, str] = {}
        self.tally, self.trials_ended = Tally(study), 0
        self.epochs: dict[str, int] = {}
        self.looked_at: list[str] | None = None
        self.offered: Sequence[str] | None = None
        self.outbox, self.news, self.saved = Outbox(store), False, time.monotonic()

    def advance(self) -> int:
        """Upload all events that are in the journal by now, then the files of ended trials; returns how many events."""
        if not self.bookmark.study_run and not self._find_study():
            return 0
        events, to_file = self._send_events(), bool(self.bookmark.unfiled)
        while self.bookmark.unfiled:
            self._file(self.bookmark.unfiled[0])
            del self.bookmark.unfiled[0]
            events += self._send_events()  # metrics of running trials do not wait for the files of others
            self._save_now_and_then()
        if events or to_file or self.bookmark.offset != self.reader.offset:  # behind lines that are no events, too
            self.bookmark.offset = self.reader.offset
            self._save()
        return events

    def draw(self) -> bool:
        """Draw and upload plots of the trial that is looked at first and has none yet; False if there is no such trial.

        It takes half a second: whoever calls it has nothing else to upload.
        """
        if not self.bookmark.study_run:
            return False
        if self.looked_at is None:
            self.looked_at = looked_at(analyse(self.study, self.records))
        trial = next((trial for trial in self.looked_at if self._lacks(trial, self.bookmark.drawn)), None)
        if trial is None:
            return False
        self._plot(self.trial_runs[trial], trial)
        self.bookmark.drawn.append(trial)
        self._save()
        return True

    def publish(self) -> bool:
        """Upload, in a second or two, the network of a method's best trial that has none there; False without one."""
        if not self.bookmark.study_run:
            return False
        best = [record.trial for record in analyse(self.study, self.records).best_trials().values()]
        saved = [trial for trial in best if (self.directory / TRIALS / trial / CHECKPOINT).exists()]
        trial = next((trial for trial in saved if self._lacks(trial, self.bookmark.published)), None)
        if trial is None:
            return False
        publish(self.store, self.trial_runs[trial], self.directory / TRIALS / trial, self.directory / CODE)
        self.bookmark.published.append(trial)
        self._save()
        return True

    def _lacks(self, trial: str, have: Sequence[str]) -> bool:
        """Whether a trial that MLflow has the files of is none of these."""
        return trial in self.trial_runs and trial not in have and trial not in self.bookmark.unfiled

    def close(self) -> None:
        """Add the report; unless a driver runs the study, mark what a killed one left running as interrupted."""
        if not self.bookmark.study_run:
            return
        if locks.is_free(self.directory):
            self._mark_interrupted()
        if self._has_report():
            self.store.file(self.bookmark.study_run, self.directory / REPORT)
        self._describe()
        self._save()

    def _mark_interrupted(self) -> None:
        family = {self.bookmark.study_run, *self.trial_runs.values()}
        for run in self.store.running(self.bookmark.experiment) & family:
            self.store.log(run, tags={"status": "interrupted"})
            self.store.end(run, "KILLED")

    def _has_report(self) -> bool:
        return (self.directory / REPORT / PAGE).exists()

    def _find_study(self) -> bool:
        """Find its runs and how far they came, or make the first one; False if the study has not begun."""
        first = next((event for _, event in self.reader.journal.events()), None)
        if first is None:
            return False
        experiment = self.store.experiment(self.study.study)
        saved = Bookmark.read(self.directory, self.store.tracking_uri)
        run = self._study_run(experiment, first, saved.study_run)
        # A database that was replaced since knows nothing of what the bookmark says, one of another journal is no help.
        holds = saved.study_run == run and self.reader.journal.ends_line(saved.offset)
        self.bookmark = saved if holds else Bookmark(experiment=experiment, study_run=run)
        self.bookmark.reason = ""
        children = self.store.find_runs(experiment, tag="mlflow.parentRunId", text=run)
        self.trial_runs = {tags["trial"]: child for child, tags in children.items()}
        self._recall()
        return True

    def _study_run(self, experiment: str, first: Event, bookmarked: str) -> str:
        """The run that was made when the study began; where the journal has lost its beginning, the newest before."""
        name = self.directory.name
        own = f"{name} {datetime.fromtimestamp(first['time'], UTC).isoformat()}"
        known = self.store.studies(experiment, name)
        if bookmarked in known:
            return bookmarked
        lost = first["event"] != "study-start"
        made = {key: run for run, key in known.items() if key == own or (lost and key < own)}
        return made[max(made)] if made else self._create(experiment, name, first["time"], {"study_key": own})

    def _create(self, experiment: str, name: str, began: float, tags: Mapping[str, str]) -> str:
        own = {"mlflow.user": user(), "mlflow.source.name": "cnn-study", "study": self.directory.name}
        return self.store.create(experiment, name, _milliseconds(began), own | dict(tags))

    def _recall(self) -> None:
        """Read again what was uploaded before."""
        for event in self.reader.events(until=self.bookmark.offset):
            self._count(event)
        for trial in self.records.keys() - set(self.bookmark.unfiled):
            self._forget(self.records[trial])

    def _send_events(self) -> int:
        events = 0
        for event in self.reader.events():
            self._send(event)
            self.bookmark.offset, events, self.news = self.reader.offset, events + 1, True
            self._save_now_and_then()
        return events

    def _save_now_and_then(self) -> None:
        if self.outbox.sent >= METRICS_PER_BOOKMARK or time.monotonic() > self.saved + SECONDS_PER_BOOKMARK:
            self._save()

    def _send(self, event: Event) -> None:
        new = self._count(event)
        when = _milliseconds(event["time"])
        if (record := self.records.get(event.get("trial", ""))) is not None and not record.known:
            self._trial_without_start(record)
        match event["event"]:
            case "study-start":
                self._study_start(when)
            case "trial-start":
                self._trial_start(event)
            case "epoch" if new:
                self._add(self.trial_runs.get(event["trial"]), event["metrics"], when, event["epoch"])
            case "trial-end":
                self._trial_end(self.records[event["trial"]], when)
            case "study-end":
                self._study_end(event.get("status", "FINISHED"), when)

    def _count(self, event: Event) -> bool:
        """Note how far its trial has come; False for an epoch that a resumed trial repeats."""
        match event["event"]:
            case "trial-start":
                self.tally.start(event["trial"])
            case "trial-end":
                self.tally.end(self.records[event["trial"]])
                self.trials_ended += 1
        if event["event"] != "epoch":
            return True
        furthest = self.epochs.get(event["trial"], 0)
        self.epochs[event["trial"]] = max(furthest, event["epoch"])
        return event["epoch"] > furthest

    def _study_start(self, when: int) -> None:
        run = self.bookmark.study_run
        self.store.resume(run)  # if it had ended
        self.store.log(run, tags=content.study_tags(self.study) | self._code_tags() | RUNNING)
        self._settle(run, content.study_parameters(dump(self.study)))
        for path in (self.directory / STUDY, self.directory / CODE):
            if path.exists():
                self.store.file(run, path)

    def _code_tags(self) -> dict[str, str]:
        return content.code_tags((self.reader.began or {}).get("provenance", {}))

    def _study_end(self, status: str, when: int) -> None:
        self.store.log(self.bookmark.study_run, tags={"status": status.lower()})
        self.store.end(self.bookmark.study_run, status, when)

    def _trial_start(self, event: Event) -> None:
        trial, settings = event["trial"], resolve(self.study, event["values"])
        contestant = event["values"].get(CONTESTANT)
        parameters = content.trial_parameters({CONTESTANT: contestant} | dump(settings))
        for waiting in (self.bookmark.unfiled, self.bookmark.drawn, self.bookmark.published):
            if trial in waiting:
                waiting.remove(trial)
        if trial in self.trial_runs:  # a resumed study starts the trial again
            self.store.resume(self.trial_runs[trial])
            self.store.log(self.trial_runs[trial], tags=RUNNING)
            self.store.untag(self.trial_runs[trial], "error")
            self._settle(self.trial_runs[trial], parameters)
            return
        tags = content.trial_tags(trial, settings, contestant=contestant, among=[*self.study.contestants])
        tags |= self._code_tags() | RUNNING | {"mlflow.parentRunId": self.bookmark.study_run}
        name = content.run_name(trial, settings, contestant=contestant)
        run = self.trial_runs[trial] = self._create(self.bookmark.experiment, name, event["time"], tags)
        self.store.log(run, parameters=parameters)

    def _trial_without_start(self, record: TrialRecord) -> None:
        """A run for a trial that the journal knows by its later lines only."""
        if record.trial not in self.trial_runs:
            tags = {"trial": record.trial, "method": record.method, "mlflow.parentRunId": self.bookmark.study_run}
            name, tags = f"{record.trial} {record.method}", tags | self._code_tags() | RUNNING
            self.trial_runs[record.trial] = self._create(self.bookmark.experiment, name, record.started, tags)

    def _settle(self, run: str, parameters: Mapping[str, str]) -> None:
        known = self.store.parameters(run)  # they are final, and another version may write a value in another way
        self.store.log(run, parameters={name: text for name, text in parameters.items() if name not in known})

    def _trial_end(self, record: TrialRecord, when: int) -> None:
        self._add(self.bookmark.study_run, self.tally.metrics(), when, self.trials_ended)
        if (run := self.trial_runs.get(record.trial)) is None:
            return
        epoch, known = record.epoch, record.last_epoch
        metrics, tags = content.last_metrics(record), content.last_tags(record)
        self._add(run, {name: value for name, value in metrics.items() if known.get(name) != value}, when, epoch)
        self.store.log(run, tags=tags)
        self.store.end(run, content.RUN_STATUS[record.status], when)
        if record.trial not in self.bookmark.unfiled:
            self.bookmark.unfiled.append(record.trial)

    def _file(self, trial: str) -> None:
        """Upload what an ended trial left."""
        record, folder = self.records[trial], self.directory / TRIALS / trial
        if (run := self.trial_runs.get(trial)) is None:
            return
        for path in (folder / name for name in TRIAL_FILES):
            if path.exists():
                self.store.file(run, path)
        self._forget(record)

    def _plot(self, run: str, trial: str) -> None:
        from study.report import trial_plots  # with matplotlib, which takes a second

        record, folder = self.reader.journal.trial(trial) or self.records[trial], self.directory / TRIALS / trial
        with TemporaryDirectory(prefix="cnn-study-") as target:
            for name, missing in trial_plots.draw(record, folder, Path(target)).items():
                if missing:
                    self.store.log(run, tags={f"missing/{name}": missing[: content.LONGEST_TEXT]})
                else:
                    self.store.file(run, Path(target) / name)

    def _forget(self, record: TrialRecord) -> None:
        """Keep no history in memory that is not needed any more."""
        if record.status.final:
            record.forget_epochs()

    def _describe(self) -> None:
        """Say how the study stands, which takes the longer the more trials there are."""
        analysis = analyse(self.study, self.records)
        self._offer_views(analysis.measured)
        self.looked_at = looked_at(analysis)
        best = [self.trial_runs.get(record.trial) for record in analysis.best_trials().values()]
        self.bookmark.links = links(
            self.bookmark.experiment,
            self.bookmark.study_run,
            name=self.directory.name,
            best=[run for run in best if run],
            report=self._has_report(),
        )
        others = {title: address for title, address in self.bookmark.links.items() if title != STUDY_PAGE}
        text = content.description(analysis, name=self.directory.name, trials=self.trials, links=others)
        self.store.log(self.bookmark.study_run, tags={"mlflow.note.content": text})
        self.news = False

    def _offer_views(self, measured: Sequence[str]) -> None:
        """Views of all that is measured by now, where that has become more."""
        if measured == self.offered:
            return
        created = _milliseconds((self.reader.began or {}).get("time", time.time()))
        for key, view in views.views(self.study, measured, name=self.directory.name, created=created).items():
            self.store.tag_experiment(self.bookmark.experiment, key, view)
        self.offered = measured

    def _add(self, run: str | None, metrics: Mapping[str, float], when: int, step: int) -> None:
        if run is not None:  # one that was deleted in MLflow stays deleted
            self.outbox.put(run, [MetricPoint(name, float(value), when, step) for name, value in metrics.items()])

    def _save(self) -> None:
        if self.news:
            self._describe()
        self.outbox.empty()
        self.bookmark.refused = [*dict.fromkeys([*self.bookmark.refused, *self.store.refused])][:MOST_REFUSED]
        self.saved = time.monotonic()
        self.on_progress()
        self.bookmark.write(self.directory, self.store.tracking_uri)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
