"""How far a study is: a live view in a terminal, a line now and then in a log file. Both go to stderr."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from search_spaces.contestants import Asked
from search_spaces.counts import some
from study.journal.events import TrialStatus
from study.journal.record import TrialRecord
from study.progress.standing import Best, Running, Slots, Standing
from study.terminal.fitting import Fitting

SECONDS_BETWEEN_LINES = 20.0
BARS = 8
"""At most this many running trials, and methods, are shown one by one."""

STYLES: Mapping[TrialStatus, str] = {
    TrialStatus.RUNNING: "cyan",
    TrialStatus.COMPLETED: "green",
    TrialStatus.PRUNED: "yellow",
    TrialStatus.DIVERGED: "magenta",
    TrialStatus.FAILED: "bold red",
    TrialStatus.STOPPED: "dim",
    TrialStatus.LOST: "red",
}


class Progress:
    """Shows a study while it runs. A context manager: the terminal is given back at the end."""

    def __init__(
        self,
        name: str,
        asked: Asked,
        *,
        trials: int,
        slots: int = 1,
        hours: float | None = None,
        backlog: Callable[[], int] = lambda: 0,
        console: Console | None = None,
    ) -> None:
        self.name, self.hours, self.backlog = name, hours, backlog
        self.slots = Slots(slots)
        self.standing = Standing(asked, trials)
        self.before = 0.0
        self.console = console or Console(stderr=True)
        self.running = True
        self.began = self.last_line = time.monotonic()
        self.live = Live(get_renderable=self.view, console=self.console, refresh_per_second=4)

    def __enter__(self) -> "Progress":
        if self.console.is_terminal:
            self.live.start()
        else:
            self.say(f"{self.name}: {some(self.standing.trials, 'trial')}")
        return self

    def __exit__(self, *exception: object) -> None:
        self.running = False
        if self.console.is_terminal:
            self.live.stop()
        else:
            self.say(self.line())

    def recall(self, records: Iterable[TrialRecord]) -> None:
        """Trials that had ended before the study was resumed."""
        for record in records:
            if record.status.final:
                self.standing.end(record.trial, record.method, record.status, record.metrics)
        self.before = self.standing.fraction

    def started(self, ident: str, method: str, *, epochs: int) -> None:
        """A trial began."""
        self.standing.running[ident] = Running(method, epochs)
        self.slots.begin(ident)

    def advanced(self, ident: str, epoch: int) -> None:
        """A trial ended an epoch."""
        self.standing.running[ident].epoch = epoch

    def ended(
        self, ident: str, status: TrialStatus, metrics: Mapping[str, float | str], error: str | None = None
    ) -> None:
        """A trial ended; an error is shown at once."""
        method = self.standing.running[ident].method
        self.standing.end(ident, method, status, metrics)
        self.slots.end(ident)
        if error:
            self.say(f"trial {ident} ({method}) {status}: {error}")

    def tick(self) -> None:
        """Called often; writes a line when it is time for one."""
        if not self.console.is_terminal and time.monotonic() - self.last_line > SECONDS_BETWEEN_LINES:
            self.say(self.line())

    def say(self, message: str) -> None:
        """One line, above the live view."""
        with suppress(OSError):  # a full disk, or nobody who reads it: no reason to end the study
            self.console.print(message, highlight=False, markup=False, soft_wrap=True)
        self.last_line = time.monotonic()

    def elapsed(self) -> float:
        """Seconds since the study began."""
        return time.monotonic() - self.began

    def left(self) -> float | None:
        """Seconds left at the pace so far, or until the time limit; None while that is unknown."""
        fraction = self.standing.fraction
        gained = fraction - self.before
        by_pace = self.elapsed() * (1 - fraction) / gained if gained > 0 else None
        by_limit = max(0.0, self.hours * 3600 - self.elapsed()) if self.hours is not None else None
        known = [seconds for seconds in (by_pace, by_limit) if seconds is not None]
        return min(known, default=None)

    def times(self) -> str:
        """Time spent and time left, in words."""
        left = self.left() if self.running else None
        return f"{clock(self.elapsed())} elapsed" + ("" if left is None else f", about {clock(left)} left")

    def facts(self) -> list[str]:
        """Slot use, the size of the Pareto set, and what waits for its upload, as far as there is any."""
        standing = self.standing
        facts = [f"{len(standing.running)}/{self.slots.count} slots, {self.slots.use(self.elapsed()):.0%} used"]
        if len(standing.asked.objectives) > 1 and standing.pareto:
            facts.append(f"Pareto set {len(standing.pareto)}")
        if waiting := self.backlog():
            facts.append(f"{size(waiting)} to upload")
        return facts

    def line(self) -> str:
        """The standing as one line."""
        standing = self.standing
        counts = ", ".join(f"{count} {status}" for status, count in standing.counts()) or "starting"
        best = "".join(f"; best {name} {found.value:.3g}" for name, found in standing.best.items())
        facts = "".join(f"; {fact}" for fact in self.facts())
        return f"{standing.over}/{standing.trials} trials ({counts}); {self.times()}{best}{facts}"

    def view(self) -> RenderableType:
        """The standing as a live view, at most 80 columns wide."""
        standing = self.standing
        bar = Table.grid(padding=(0, 2))
        bar.add_row(_bar(standing.fraction, width=48), f"{standing.over}/{standing.trials} trials")
        parts: list[RenderableType] = [Text.assemble((self.name, "bold"), "  ", (self.times(), "dim")), bar]
        if counts := standing.counts():
            parts.append(Text("  ").join(Text(f"{count} {status}", style=STYLES[status]) for status, count in counts))
        parts.append(Text("  ".join(self.facts()), style="dim"))
        if standing.methods:
            parts += ["", Fitting(_methods_table(standing))]
        if standing.running:
            parts += ["", Fitting(_running_table(standing.running), _running_table(standing.running, bars=False))]
        return Group(*parts)


def clock(seconds: float) -> str:
    """Seconds as 4:05 or 1:04:05."""
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"


def size(count: int) -> str:
    """Bytes as 812 B, 1.5 kB or 20 MB."""
    for unit, bytes_ in (("MB", 1e6), ("kB", 1e3)):
        if count >= bytes_:
            return f"{count / bytes_:.2g} {unit}" if count < 10 * bytes_ else f"{count / bytes_:.0f} {unit}"
    return f"{count} B"


def _bar(fraction: float, *, width: int) -> ProgressBar:
    return ProgressBar(total=1.0, completed=fraction, width=width, complete_style="green", finished_style="green")


def _methods_table(standing: Standing) -> Table:
    """The best of every method, by the first objective; the best of all in green."""
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("method", "ended", *(name.replace("/", "\n") for name in standing.asked.objectives)):
        table.add_column(column, vertical="bottom")
    (first, mode), *_ = standing.asked.objectives.items()
    worst = float("inf") if mode == "min" else float("-inf")
    values = {method: best[first].value if first in best else worst for method, best in standing.methods.items()}
    ordered = sorted(values, key=lambda method: values[method], reverse=mode == "max")
    for method in ordered[:BARS]:
        best = standing.methods[method]
        cells = [_best(best.get(name), standing.best.get(name)) for name in standing.asked.objectives]
        table.add_row(method, str(standing.ended_by_method[method]), *cells)
    return table


def _best(own: Best | None, best: Best | None) -> Text:
    if own is None:
        return Text("")
    return Text(f"{own.value:.2e}  {own.trial}", style="green" if own == best else "")


def _running_table(running: Mapping[str, Running], *, bars: bool = True) -> Table:
    table = Table.grid(padding=(0, 2))
    shown = list(running.items())[:BARS]
    for ident, trial in shown:
        bar = [_bar(trial.share, width=24)] if bars else []
        table.add_row(
            Text(ident, style="cyan"),
            trial.method,
            *bar,
            f"epoch {trial.epoch}/{trial.epochs}" if trial.epochs else "projecting",
        )
    if len(running) > len(shown):
        table.add_row("", Text(f"and {len(running) - len(shown)} more", style="dim"))
    return table
