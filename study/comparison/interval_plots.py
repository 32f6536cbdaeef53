"""Test errors on a problem: every entry's median with its interval, the smallest first."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.comparison.looks import BASELINE
from study.comparison.markers import kind_handles, marker_style
from study.comparison.result import Comparison, ProblemResult
from study.comparison.standing import Standing
from study.report.plot_style import EXACT, MUTED, clip, legend_handle, logarithmic, message_plot, new_figure, styled
from study.statistics.comparison import Decision
from study.statistics.estimate import Estimate

SIGNS: Mapping[Decision | None, str] = {None: "", Decision.BETTER: " ▲", Decision.WORSE: " ▽", Decision.UNDECIDED: " ·"}
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
    title = "Constraint error" if problem.error == problem.constraint else "Error"
    panels[0].set(title=title, xlabel=problem.error)
    if problem.trades_off:
        _draw(panels[1], comparison, standings, [one.constraint for one in standings])
        panels[1].set(title="Constraint error", xlabel=problem.constraint)
    panels[0].set_yticks(range(len(standings)), [one.label + SIGNS[one.decision] for one in standings])
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
    limits = logarithmic(axes, _near(known), axis="x")
    for place, (standing, estimate) in enumerate(zip(standings, estimates, strict=True)):
        if estimate:
            _row(axes, place, estimate, marker_style(comparison, standing.label), limits)
    if ticks:
        axes.plot(clip(ticks, limits), range(len(ticks)), "|", color=EXACT, markersize=9, clip_on=False)
    baselines = [one for one, of in zip(estimates, standings, strict=True) if one and comparison.is_baseline(of.label)]
    best = min((one.value for one in baselines), default=math.inf)
    if limits[0] < best < limits[1]:
        axes.axvline(best, color=BASELINE.colour, linewidth=1, linestyle=":", zorder=1)


def _near(known: Sequence[Estimate]) -> list[float]:
    """What the axis shows: all medians, and intervals as far as they are not wider than all of them."""
    values = [one.value for one in known if 0 < one.value < math.inf]
    if not values:
        return []
    reach = max(max(values) / min(values), 10.0)
    ends = [end for one in known for end in one.interval or ()]
    return [*values, *(end for end in ends if min(values) / reach**0.5 < end < max(values) * reach**0.5)]


def _row(axes: Axes, place: int, estimate: Estimate, style: dict[str, Any], limits: tuple[float, float]) -> None:
    if estimate.interval:
        ends = clip(estimate.interval, limits)
        axes.plot(ends, [place, place], color=style["color"], linewidth=1.6, solid_capstyle="butt", clip_on=False)
        for end, beyond, head in zip(ends, _beyond(estimate.interval, limits), "<>", strict=True):
            if beyond:
                axes.plot([end], [place], head, color=style["color"], markersize=5, clip_on=False)
    failed = estimate.value == math.inf
    shown: dict[str, Any] = style | ({"marker": "x"} if failed else {})
    axes.plot(clip([estimate.value], limits), [place], markersize=6, clip_on=False, **shown)
    if failed:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axes.text(limits[1], place, "failed  ", ha="right", va="center", color=MUTED, fontsize=8, bbox=box)


def _beyond(interval: tuple[float, float], limits: tuple[float, float]) -> tuple[bool, bool]:
    """Whether either end is not on the axis, where an arrow says so."""
    return interval[0] < limits[0], interval[1] > limits[1]
