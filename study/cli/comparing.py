"""The command that compares methods on several problems."""

from typing import Any

import click
from click.core import ParameterSource

from study.cli.exit_codes import BadInputError, mendable
from study.cli.loading import loading
from study.cli.options import (
    a_number,
    address_option,
    settings_option,
    storage_option,
    tracking_option,
)
from study.cli.studies import RUNS, compares, of_comparison, say_doubts


@click.command()
@click.argument("spaces", nargs=-1, metavar="[SPACES]", help="Shipped names, or paths of study files; none: go on.")
@settings_option
@click.option(
    "--studies",
    default=3,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="R",
    help="Searches of each problem.",
)
@click.option(
    "--seeds",
    default=10,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="K",
    help="Fresh seeds for the best of each search.",
)
@click.option(
    "--trials",
    default=20,
    show_default=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Most trials of a contestant in a search.",
)
@click.option(
    "--seconds", default=300.0, show_default=True, type=click.FloatRange(min=0, min_open=True), callback=a_number,
    metavar="S", help="CPU seconds of a contestant in a search.",
)  # fmt: skip
@click.option(
    "--line-up", default="usual", show_default=True, metavar="FILE", help="Contestants: a shipped name or a file."
)
@click.option("--only", multiple=True, metavar="NAME", help="Only this contestant of the line-up; repeatable.")
@click.option("--name", default="comparison", show_default=True, metavar="NAME", help="Its folder under runs/.")
@click.option(
    "--hours", type=click.FloatRange(min=0, min_open=True), callback=a_number, metavar="H", help="Stop after this long."
)
@address_option
@storage_option
@tracking_option
def compare(
    spaces: tuple[str, ...],
    settings: tuple[str, ...],
    studies: int,
    seeds: int,
    trials: int,
    seconds: float,
    line_up: str,
    only: tuple[str, ...],
    name: str,
    hours: float | None,
    tracking_uri: str | None,
    **where: Any,
) -> None:
    """Compare methods on the problems of several SPACES, fairly.

    Each contestant has the same budget in R searches of each problem; the best of each search is trained again with K
    fresh seeds, and judged by test data. Interrupted, the same command goes on. The studies are in runs/, each with a
    report of its own on demand; the verdict is a page in runs/NAME.
    """
    folder = RUNS / name
    with loading():
        from search_spaces.line_up import enter, load_line_up
        from search_spaces.load import parse_setting, together
        from study.cli.compared import go_on, say_plan
        from study.cli.tracked_at import compared_at
        from study.comparing.question import asked, claim_or_recall, kept, lengthened

    if not spaces:
        if not compares(name):
            raise BadInputError(f"{folder}: there is no comparison to go on with; write SPACEs, or another --name")
        _require_no_question(context := click.get_current_context())
        question = lengthened(folder, studies) if _said("studies", context) else kept(folder)
    else:
        lined_up, overrides = load_line_up(line_up).only(only), together(map(parse_setting, settings))
        began_with = kept(folder).edition if compares(name) else None
        with mendable():
            question = claim_or_recall(
                RUNS,
                asked(
                    name,
                    [enter(space, lined_up, overrides, began_with) for space in spaces],
                    baselines=lined_up.baselines,
                    studies=studies,
                    seeds=seeds,
                    trials=trials,
                    seconds=seconds,
                ),
            )
        for called, study in question.problems.items():
            say_doubts(study, f"{called}: ")
    say_plan(question)
    if click.get_current_context().get_parameter_source("tracking_uri") is not ParameterSource.COMMANDLINE:
        tracking_uri = compared_at(of_comparison(name)) or tracking_uri
    go_on(question, RUNS, hours=hours, tracking_uri=tracking_uri, **where)


ASKING = ("--set", "--seeds", "--trials", "--seconds", "--line-up", "--only")


def _require_no_question(context: click.Context) -> None:
    """Whoever goes on with a comparison can make it longer, and ask nothing else."""
    given = [one.opts[0] for one in context.command.params if one.name and _said(one.name, context)]
    if asking := [option for option in ASKING if option in given]:
        raise BadInputError(
            f"{', '.join(asking)}: a comparison that goes on asks what it asked; leave this out, or write SPACEs and "
            "another --name"
        )


def _said(name: str, context: click.Context) -> bool:
    return context.get_parameter_source(name) is not ParameterSource.DEFAULT
