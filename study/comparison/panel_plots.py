"""Small multiples: a panel for each contestant, with all the others in grey behind it."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.comparison.budget import best_after_seconds, best_after_trials
from study.comparison.looks import BACKGROUND, entry_look
from study.comparison.result import PROJECTED, Comparison, EntryResult, ProblemResult
from study.comparison.targets import LARGEST_FACTOR
from study.report.plot_style import EXACT, clip, legend_handle, logarithmic, message_plot, new_panels, styled
from study.statistics.budget import Curve
from study.statistics.targets import Profile

COLUMNS = 4
HEIGHT = 1.5


@styled
def seconds_plot(comparison: Comparison, problem: ProblemResult) -> Figure:
    """The best validation value so far against CPU seconds: median over searches, and their range."""
    return _budget_plot(comparison, problem, best_after_seconds, "CPU seconds of the search")


@styled
def trials_plot(comparison: Comparison, problem: ProblemResult) -> Figure:
    """The expected best validation value of so many trials: median over searches, and their range."""
    return _budget_plot(comparison, problem, best_after_trials, "trials")


def _budget_plot(
    comparison: Comparison, problem: ProblemResult, curve_of: Callable[[EntryResult], Curve | None], budget: str
) -> Figure:
    curves = {entry.label: curve for entry in problem.entries if (curve := curve_of(entry))}
    if not curves:
        return message_plot("no trial has ended yet")
    figure, panels = _panels(curves)
    last = max(curve.budget[-1] for curve in curves.values())
    limits = logarithmic(panels[0], [value for curve in curves.values() for value in _later(curve, last)])

    def draw(axes: Axes, label: str, *, ahead: bool) -> None:
        curve = curves[label]
        budgets = [*curve.budget, last]
        middle, low, high = (clip([*row, row[-1]], limits) for row in (curve.middle, curve.low, curve.high))
        if ahead:
            colour = entry_look(comparison, label).colour
            axes.fill_between(budgets, low, high, step="post", color=colour, alpha=0.2, linewidth=0)
        axes.step(budgets, middle, where="post", **_line(comparison, label, ahead=ahead))

    _fill(panels, curves, draw)
    panels[0].set(xscale="log", xlim=(min(curve.budget[0] for curve in curves.values()), last))
    figure.supylabel(f"best {problem.validation}", fontsize=10)
    figure.supxlabel(budget, fontsize=10)
    _legend(figure, curves)
    return figure


def _later(curve: Curve, last: float) -> list[float]:
    """The values from a twentieth of the budget on: the first trials may be decades away."""
    return [value for budget, value in zip(curve.budget, curve.middle, strict=True) if budget >= last / 20]


@styled
def profile_plot(comparison: Comparison, profiles: Mapping[str, Profile]) -> Figure:
    """The share of problems on which an entry reached the target within so many times the shortest time."""
    if not profiles:
        return message_plot("no problem has been measured yet")
    figure, panels = _panels(profiles)

    def draw(axes: Axes, label: str, *, ahead: bool) -> None:
        profile = profiles[label]
        factors, shares = [1.0, *profile.factors, 1e9], [0.0, *profile.shares, ([0.0, *profile.shares])[-1]]
        axes.step(factors, shares, where="post", **_line(comparison, label, ahead=ahead))

    _fill(panels, profiles, draw)
    last = max([2 * LARGEST_FACTOR, *(factor for profile in profiles.values() for factor in profile.factors)])
    panels[0].set(xscale="log", xlim=(1, last), ylim=(-0.03, 1.03))
    figure.supylabel("share of problems", fontsize=10)
    figure.supxlabel("times the shortest time to the target", fontsize=10)
    _legend(figure, profiles)
    return figure


def _panels(labels: Iterable[str]) -> tuple[Figure, list[Axes]]:
    names = _contestants(labels)
    figure, panels = new_panels(len(names), columns=COLUMNS, height=HEIGHT, frame=0.8, sharex=True, sharey=True)
    for axes, name in zip(panels, names, strict=True):
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=8)
    return figure, panels


def _contestants(labels: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(label.removesuffix(PROJECTED) for label in labels))


def _fill(panels: Sequence[Axes], labels: Iterable[str], draw: Callable[..., None]) -> None:
    """In each contestant's panel all entries, its own ones in front."""
    for axes, name in zip(panels, _contestants(labels), strict=True):
        own = [label for label in labels if label.removesuffix(PROJECTED) == name]
        for label in labels:
            if label not in own:
                draw(axes, label, ahead=False)
        for label in own:
            draw(axes, label, ahead=True)


def _line(comparison: Comparison, label: str, *, ahead: bool) -> dict:
    style = "--" if label.endswith(PROJECTED) else "-"
    if not ahead:
        return {"color": BACKGROUND, "linewidth": 0.6, "zorder": 1}
    return {"color": entry_look(comparison, label).colour, "linestyle": style, "linewidth": 1.8, "zorder": 3}


def _legend(figure: Figure, labels: Iterable[str]) -> None:
    handles = [legend_handle("as trained", color=EXACT), legend_handle("projected", color=EXACT, linestyle="--")]
    handles.append(legend_handle("all others", color=BACKGROUND, linewidth=0.8))
    if not any(label.endswith(PROJECTED) for label in labels):
        del handles[1]
    figure.legend(handles=handles, loc="outside upper left", ncols=3)
