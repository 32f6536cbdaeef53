from study.comparison.csv_rows import all_rows
from study.comparison.verdict import judge
from tests.study.comparison import synthetic

MADE = synthetic.comparison(synthetic.PROBLEMS[-2:], studies=2, seeds=3, trials=4)
ROWS = all_rows(MADE, judge(MADE))
ENTRIES = sum(len(problem.entries) for problem in MADE.problems)
RUNS = {run.source.run for problem in MADE.problems for entry in problem.entries for run in entry.confirmed}


def test_every_table_has_its_rows() -> None:
    assert {name: len(rows) for name, rows in ROWS.items() if name != "budget.csv"} == {
        "worth.csv": 2 * len(MADE.problems),
        "verdict.csv": len(MADE.labels),
        "intervals.csv": ENTRIES,
        "against.csv": 27 * 10 - 10 + 25 * 9 - 9,
        "gains.csv": 13,
        "targets.csv": len(MADE.labels),
        "fronts.csv": len({(row["entry"], row["search"]) for row in ROWS["fronts.csv"]}),
        "sections.csv": sum(
            len(synthetic.SECTIONS) + entry.projected for problem in MADE.problems for entry in problem.entries
        ),
        "importance.csv": (14 + 13) * len(synthetic.IMPORTANCES),
        "settings.csv": 2 * ENTRIES,
        "runs.csv": 6 * ENTRIES,
        "trials.csv": 8 * ENTRIES,
    }


def test_rows_have_the_same_columns() -> None:
    for rows in ROWS.values():
        assert len({tuple(row) for row in rows}) == 1


def test_each_figure_leads_to_its_runs() -> None:
    assert {row["run"] for row in ROWS["runs.csv"]} == RUNS
    assert {run for row in ROWS["intervals.csv"] for run in row["runs"].split()} == RUNS
    assert {run for row in ROWS["fronts.csv"] for run in row["runs"].split()} <= RUNS
    assert all(row["run"] for name in ("settings.csv", "trials.csv", "fronts.csv") for row in ROWS[name])


def test_budgets_are_in_seconds_and_trials() -> None:
    kinds = {row["budget_in"] for row in ROWS["budget.csv"]}
    assert kinds == {"seconds", "trials"}
