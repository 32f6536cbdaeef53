"""How far a study is: a live view in a terminal, a line now and then in a log file. Both go to stderr."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from study.records import TrialStatus

SECONDS_BETWEEN_LINES = 20.0
BARS = 8
"""At most this many running trials are shown one by one."""

STYLES: Mapping[TrialStatus, str] = {
    TrialStatus.RUNNING: "cyan",
    TrialStatus.COMPLETED: "green",
    TrialStatus.PRUNED: "yellow",
    TrialStatus.DIVERGED: "magenta",
    TrialStatus.FAILED: "bold red",
    TrialStatus.STOPPED: "dim",
}


@dataclass
class Best:
    """The best value of an objective so far, and whose it is."""

    value: float
    trial: str
    method: str


@dataclass
class Running:
    """A trial that is being trained."""

    method: str
    epochs: int
    epoch: int = 0


@dataclass
class Standing:
    """What is known of a study while it runs."""

    objectives: Mapping[str, str]
    trials: int
    running: dict[str, Running] = field(default_factory=dict)
    ended: Counter[TrialStatus] = field(default_factory=Counter)
    best: dict[str, Best] = field(default_factory=dict)

    @property
    def fraction(self) -> float:
        """The part of the work that is done, 0 to 1; a running trial counts by its epochs."""
        begun = sum(trial.epoch / trial.epochs for trial in self.running.values())
        return min(1.0, (self.ended.total() + begun) / self.trials)

    def end(self, ident: str, method: str, status: TrialStatus, metrics: Mapping[str, float | str]) -> None:
        """Count a trial that ended; only completed ones can be best."""
        self.running.pop(ident, None)
        self.ended[status] += 1
        for name, mode in self.objectives.items():
            value = metrics.get(name)
            if status is TrialStatus.COMPLETED and isinstance(value, float) and self._better(name, mode, value):
                self.best[name] = Best(value, ident, method)

    def _better(self, name: str, mode: str, value: float) -> bool:
        if name not in self.best:
            return True
        return value < self.best[name].value if mode == "min" else value > self.best[name].value

    def counts(self) -> list[tuple[TrialStatus, int]]:
        """How many trials there are of every status that occurs."""
        counted = Counter(self.ended) + Counter({TrialStatus.RUNNING: len(self.running)})
        return [(status, counted[status]) for status in TrialStatus if counted[status]]


class Progress:
    """Shows a study while it runs. A context manager: the terminal is given back at the end."""

    def __init__(
        self,
        name: str,
        objectives: Mapping[str, str],
        *,
        trials: int,
        hours: float | None = None,
        console: Console | None = None,
    ) -> None:
        self.name, self.hours = name, hours
        self.standing = Standing(objectives, trials)
        self.console = console or Console(stderr=True)
        self.running = True
        self.began = self.last_line = time.monotonic()
        self.live = Live(get_renderable=self.view, console=self.console, refresh_per_second=4)

    def __enter__(self) -> "Progress":
        if self.console.is_terminal:
            self.live.start()
        else:
            self.say(f"{self.name}: {self.standing.trials} trials")
        return self

    def __exit__(self, *exception: object) -> None:
        self.running = False
        if self.console.is_terminal:
            self.live.stop()
        else:
            self.say(self.line())

    def started(self, ident: str, method: str, *, epochs: int) -> None:
        """A trial began."""
        self.standing.running[ident] = Running(method, epochs)

    def advanced(self, ident: str, epoch: int) -> None:
        """A trial ended an epoch."""
        self.standing.running[ident].epoch = epoch

    def ended(
        self, ident: str, status: TrialStatus, metrics: Mapping[str, float | str], error: str | None = None
    ) -> None:
        """A trial ended; an error is shown at once."""
        method = self.standing.running[ident].method
        self.standing.end(ident, method, status, metrics)
        if error:
            self.say(f"trial {ident} ({method}) {status}: {error}")

    def tick(self) -> None:
        """Called often; writes a line when it is time for one."""
        if not self.console.is_terminal and time.monotonic() - self.last_line > SECONDS_BETWEEN_LINES:
            self.say(self.line())

    def say(self, message: str) -> None:
        """One line, above the live view."""
        self.console.print(message, highlight=False, markup=False, soft_wrap=True)
        self.last_line = time.monotonic()

    def elapsed(self) -> float:
        """Seconds since the study began."""
        return time.monotonic() - self.began

    def left(self) -> float | None:
        """Seconds left at the pace so far, or until the time limit; None while that is unknown."""
        fraction = self.standing.fraction
        by_pace = self.elapsed() * (1 - fraction) / fraction if fraction > 0 else None
        by_limit = max(0.0, self.hours * 3600 - self.elapsed()) if self.hours is not None else None
        known = [seconds for seconds in (by_pace, by_limit) if seconds is not None]
        return min(known, default=None)

    def times(self) -> str:
        """Time spent and time left, in words."""
        left = self.left() if self.running else None
        return f"{clock(self.elapsed())} elapsed" + ("" if left is None else f", about {clock(left)} left")

    def line(self) -> str:
        """The standing as one line."""
        standing = self.standing
        counts = ", ".join(f"{count} {status}" for status, count in standing.counts()) or "starting"
        best = "".join(f"; best {name} {found.value:.3g}" for name, found in standing.best.items())
        return f"{standing.ended.total()}/{standing.trials} trials ({counts}); {self.times()}{best}"

    def view(self) -> RenderableType:
        """The standing as a live view, at most 80 columns wide."""
        standing = self.standing
        bar = Table.grid(padding=(0, 2))
        bar.add_row(_bar(standing.fraction, width=48), f"{standing.ended.total()}/{standing.trials} trials")
        parts: list[RenderableType] = [Text.assemble((self.name, "bold"), "  ", (self.times(), "dim")), bar]
        if counts := standing.counts():
            parts.append(Text("  ").join(Text(f"{count} {status}", style=STYLES[status]) for status, count in counts))
        if standing.best:
            parts.append(_best_table(standing.best))
        if standing.running:
            parts.append(_running_table(standing.running))
        return Group(*parts)


def clock(seconds: float) -> str:
    """Seconds as 4:05 or 1:04:05."""
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"


def _bar(fraction: float, *, width: int) -> ProgressBar:
    return ProgressBar(total=1.0, completed=fraction, width=width, complete_style="green", finished_style="green")


def _best_table(best: Mapping[str, Best]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, found in best.items():
        table.add_row("best", name, Text(f"{found.value:.3g}", style="green"), f"{found.trial} {found.method}")
    return table


def _running_table(running: Mapping[str, Running]) -> Table:
    table = Table.grid(padding=(0, 2))
    shown = list(running.items())[:BARS]
    for ident, trial in shown:
        bar = _bar(trial.epoch / trial.epochs, width=24)
        table.add_row(Text(ident, style="cyan"), trial.method, bar, f"epoch {trial.epoch}/{trial.epochs}")
    if len(running) > len(shown):
        table.add_row("", Text(f"and {len(running) - len(shown)} more", style="dim"))
    return table
