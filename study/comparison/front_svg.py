"""The trade-off on a problem as inline SVG: each point is a link to its run that the mouse and the keyboard reach.

It is a picture without JavaScript, too; `study/comparison/script.py` adds what appears beside a point.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from study.comparison.fronts import Point, front, points
from study.comparison.looks import BASELINE, entry_look
from study.comparison.result import PROJECTED, Comparison, Links, ProblemResult
from study.comparison.sentences import number
from study.comparison.tables import setting
from study.report.plot_style import EXACT

WIDTH, HEIGHT = 720, 460
LEFT, RIGHT, TOP, BOTTOM = 76, 16, 12, 50
SHAPES = {"s": "M-5-5h10v10h-10z", "D": "M0-6.5 6.5 0 0 6.5-6.5 0z"}
MOST_TICKS, FEWEST_POWERS = 8, 3

STYLE = """
.front { width: 100%; min-width: 36rem; font: 13px system-ui, sans-serif; }
.front .grid { stroke: #e4e4e4; }
.front .frame { stroke: #555; fill: none; }
.front a, .front .point { cursor: pointer; outline: none; }
.front path { stroke-width: 1.6; }
.front :focus path { stroke: #000; stroke-width: 3.5; }
.front .faded { opacity: .12; }
"""


@dataclass(frozen=True)
class Axis:
    """From an error to a coordinate: logarithmic, between whole margins around what is shown."""

    low: float
    high: float
    start: float
    end: float

    def at(self, error: float) -> float:
        """Where it lies, to a tenth of a pixel."""
        share = (_log(error) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """The errors that are marked, with their labels: powers of ten or, where hardly any is in view, 1, 2 and 5."""
        powers = list(range(math.ceil(self.low), math.floor(self.high) + 1))
        if len(powers) >= FEWEST_POWERS:
            return [(10.0**power, _power(power)) for power in powers[:: -(-len(powers) // MOST_TICKS)]]
        every = range(math.floor(self.low), math.ceil(self.high) + 1)
        errors = [digit * 10.0**power for power in every for digit in (1, 2, 5)]
        return [(error, number(error)) for error in errors if self.low <= _log(error) <= self.high]


def front_svg(comparison: Comparison, problem: ProblemResult, links: Links) -> str:
    """All points with the Pareto set's staircase, whose corners are numbered; empty where nothing trades off."""
    among = points(problem)
    if not among:
        return ""
    x = _axis([point.error for point in among], LEFT, WIDTH - RIGHT)
    y = _axis([point.constraint for point in among], HEIGHT - BOTTOM, TOP)
    best = front(among)
    drawn = sorted(among, key=lambda point: (point in best, point.label.endswith(PROJECTED)))
    return "\n".join(
        [
            f'<svg class="front" viewBox="0 0 {WIDTH} {HEIGHT}" role="group" aria-label="{escape(_title(problem))}">',
            *_grid(x, y),
            _labels(problem),
            _staircase(best, x, y),
            *(_point(comparison, problem, point, x, y, links) for point in drawn),
            *_numbers(best, x, y),
            "</svg>",
        ]
    )


def _title(problem: ProblemResult) -> str:
    return f"{problem.name}: {problem.error} against {problem.constraint}, a point for each search"


def _axis(errors: Sequence[float], start: float, end: float) -> Axis:
    logs = [_log(error) for error in errors]
    margin = max(0.06 * (max(logs) - min(logs)), 0.2)
    return Axis(min(logs) - margin, max(logs) + margin, start, end)


def _log(error: float) -> float:
    return math.log10(max(error, 1e-300))


def _grid(x: Axis, y: Axis) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    lines = [f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{right - LEFT}" height="{bottom - TOP}"/>']
    for error, label in x.ticks:
        at = x.at(error)
        lines.append(f'<path class="grid" d="M{at} {TOP}V{bottom}"/>')
        lines.append(f'<text x="{at}" y="{bottom + 18}" text-anchor="middle">{label}</text>')
    for error, label in y.ticks:
        at = y.at(error)
        lines.append(f'<path class="grid" d="M{LEFT} {at}H{right}"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{at + 4}" text-anchor="end">{label}</text>')
    return lines


def _power(power: int) -> str:
    sign = "−" if power < 0 else ""
    return f'10<tspan dy="-5" font-size="10">{sign}{abs(power)}</tspan>'


def _labels(problem: ProblemResult) -> str:
    middle = (TOP + HEIGHT - BOTTOM) / 2
    return (
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(problem.error)}</text>'
        f'<text transform="translate(16 {middle}) rotate(-90)" text-anchor="middle">'
        f"{escape(problem.constraint or '')}</text>"
    )


def _staircase(best: Sequence[Point], x: Axis, y: Axis) -> str:
    steps = "".join(f"H{x.at(point.error)}V{y.at(point.constraint)}" for point in best)
    return f'<path fill="none" stroke="{EXACT}" d="M{x.at(best[0].error)} {TOP}{steps}H{WIDTH - RIGHT}"/>'


def _point(comparison: Comparison, problem: ProblemResult, point: Point, x: Axis, y: Axis, links: Links) -> str:
    look = entry_look(comparison, point.label)
    fill = "#fff" if point.label.endswith(PROJECTED) else look.colour
    shape = SHAPES["s" if look is BASELINE else "D"]
    run = point.search.chosen.run if point.search.chosen else None
    address = links(run) if run else None
    text = escape(description(problem, point), quote=True)
    mark = f'<path d="{shape}" fill="{fill}" stroke="{look.colour}"/>'
    where = f'transform="translate({x.at(point.error)} {y.at(point.constraint)})"'
    about = f'class="point" data-contestant="{escape(point.label.removesuffix(PROJECTED))}" {where} aria-label="{text}"'
    title = f"<title>{text}</title>"
    if address:
        return f'<a href="{escape(address, quote=True)}" {about}>{title}{mark}</a>'
    return f'<g tabindex="0" role="img" {about}>{title}{mark}</g>'


def description(problem: ProblemResult, point: Point) -> str:
    """What appears beside a point, in lines."""
    chosen = point.search.chosen
    settings = [f"{name} = {setting(value)}" for name, value in point.search.settings.items()]
    lines = [
        f"{point.label}, search {point.number}" + (f", trial {chosen.trial} of {chosen.study}" if chosen else ""),
        f"{problem.error} {number(point.error)}, {problem.constraint} {number(point.constraint)}",
        *settings,
    ]
    return "\n".join(lines)


def _numbers(best: Sequence[Point], x: Axis, y: Axis) -> list[str]:
    return [
        f'<text x="{x.at(point.error) - 9}" y="{y.at(point.constraint) + 14}" text-anchor="end" '
        f'font-size="11" font-weight="bold">{index}</text>'
        for index, point in enumerate(best, start=1)
    ]
