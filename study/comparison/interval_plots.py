"""Test errors on a problem: every entry's median with its interval, the smallest first."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.comparison.looks import BASELINE, entry_look, face
from study.comparison.result import Comparison, ProblemResult
from study.comparison.standing import Standing
from study.report.looks import Look
from study.report.plot_style import EXACT, MUTED, legend_handle, logarithmic, message_plot, new_figure, styled
from study.statistics.comparison import Decision
from study.statistics.estimate import Estimate

SIGNS = {Decision.BETTER: " ▲", Decision.WORSE: " ▽", Decision.UNDECIDED: " ·"}
"""Behind an entry's name: better than every baseline, worse than one, undecided."""


@styled
def interval_plot(comparison: Comparison, problem: ProblemResult, standings: Sequence[Standing]) -> Figure:
    """A line for each entry: the median, its 95 % interval, and the interquartile mean as a tick."""
    if not standings:
        return message_plot("no entry has been measured yet")
    figure = new_figure(8.5, 1.2 + 0.24 * len(standings))
    panels = figure.subplots(1, 1 + problem.trades_off, sharey=True, squeeze=False)[0]
    _draw(
        panels[0], comparison, standings, [one.median for one in standings], ticks=[one.mean.value for one in standings]
    )
    panels[0].set(title="Error", xlabel=problem.error)
    if problem.trades_off:
        _draw(panels[1], comparison, standings, [one.constraint for one in standings])
        panels[1].set(title="Constraint error", xlabel=problem.constraint)
    panels[0].set_yticks(range(len(standings)), [one.label + SIGNS.get(one.decision, "") for one in standings])
    panels[0].set_ylim(len(standings) - 0.4, -0.6)
    mean = legend_handle("interquartile mean", color=EXACT, marker="|", linestyle="none")
    figure.legend(handles=[*kind_handles(comparison), mean], loc="outside lower center", ncols=3)
    return figure


def _draw(
    axes: Axes,
    comparison: Comparison,
    standings: Sequence[Standing],
    estimates: Sequence[Estimate | None],
    *,
    ticks: Sequence[float] = (),
) -> None:
    known = [one for one in estimates if one]
    ends = [end for one in known for end in (one.value, *(one.interval or ()))]
    low, high = logarithmic(axes, _near(known) or ends, axis="x")
    for place, (standing, estimate) in enumerate(zip(standings, estimates, strict=True)):
        if estimate:
            _row(axes, place, estimate, entry_look(comparison, standing.label), standing.label, low, high)
    for place, tick in enumerate(ticks):
        axes.plot(min(max(tick, low), high), place, "|", color=EXACT, markersize=9, clip_on=False)
    best = min(
        (one for one, of in zip(estimates, standings, strict=True) if one and comparison.is_baseline(of.label)),
        key=lambda one: one.value,
        default=None,
    )
    if best and low < best.value < high:
        axes.axvline(best.value, color=BASELINE.colour, linewidth=1, linestyle=":", zorder=1)


def _near(known: Sequence[Estimate]) -> list[float]:
    """What the axis shows: all medians, and intervals as far as they are not wider than all of them."""
    values = [one.value for one in known if 0 < one.value < math.inf]
    if not values:
        return []
    reach = max(max(values) / min(values), 10.0)
    ends = [end for one in known for end in one.interval or ()]
    return [*values, *(end for end in ends if min(values) / reach**0.5 < end < max(values) * reach**0.5)]


def _row(axes: Axes, place: int, estimate: Estimate, look: Look, label: str, low: float, high: float) -> None:
    if estimate.interval:
        ends = [min(max(end, low), high) for end in estimate.interval]
        axes.plot(ends, [place, place], color=look.colour, linewidth=1.6, solid_capstyle="butt", clip_on=False)
    failed = estimate.value == math.inf
    axes.plot(
        min(max(estimate.value, low), high),
        place,
        marker="x" if failed else look.marker,
        color=look.colour,
        markerfacecolor=face(look, label),
        markersize=6,
        clip_on=False,
    )
    if failed:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axes.text(high, place, "failed  ", ha="right", va="center", color=MUTED, fontsize=8, bbox=box)


def kind_handles(comparison: Comparison) -> list[Line2D]:
    """Legend entries of the looks that entries of this comparison have."""
    kinds = {}
    for label in comparison.labels:
        look = entry_look(comparison, label)
        filled = face(look, label) == look.colour
        name = ("baseline" if look is BASELINE else "constrained") + ("" if filled else " + projection")
        kinds[name] = legend_handle(
            name, color=look.colour, marker=look.marker, markerfacecolor=face(look, label), linestyle="none"
        )
    return list(kinds.values())
