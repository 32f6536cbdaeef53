"""Where the time of entries went, and its plot."""

from dataclasses import replace

from study.comparison.result import EntryResult
from study.comparison.section_plots import sections_plot
from study.comparison.sections import sections_by_entry
from tests.study.comparison.made_up import entry, problem
from tests.study.report.rendering import drawn


def timed(name: str, *steps: float | None) -> EntryResult:
    """A search whose runs took so long for steps; None failed."""
    made = entry(name, [[1.0] * len(steps)])
    runs = [
        replace(run, failed=step is None, sections={"forward": 1.0} | ({} if step is None else {"step": step}))
        for run, step in zip(made.confirmed, steps, strict=True)
    ]
    return replace(made, searches=(replace(made.searches[0], confirmed=tuple(runs)),))


def test_sections_are_medians_of_the_runs_that_did_not_fail() -> None:
    found = sections_by_entry(problem("waves", timed("soft", 1.0, 9.0, None, 3.0), entry("batch", [[1.0]])))
    assert found == {"soft": {"forward": 1.0, "step": 3.0}}


def test_the_fastest_comes_first() -> None:
    found = sections_by_entry(problem("waves", timed("soft", 5.0), timed("batch", 2.0)))
    axes = drawn(sections_plot(found)).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["batch", "soft"]
