"""What lies in a study's folder, by name. (What lies in a trial's: `study.trial.files`.)"""

import re
from pathlib import Path

STUDY = "study.yaml"
"""The study with every default; a folder that has it holds a study."""

QUESTION, PROBLEMS = "comparison.yaml", "problems"
"""What a comparison asks, a folder that has it holds a comparison; and the folder of its problems' study files."""

JOURNAL = "records.jsonl"
OPTUNA = "optuna.db"
"""Trials that ended, for Optuna's dashboard and other tools."""

BOOKMARKS, UPLOADING = "tracking.json", "tracking.lock"
"""How far the journal has reached each MLflow, and the lock of whoever uploads it."""

TRIALS, REPORT = "trials", "report"
CODE = "code"
"""The study's own modules, in a folder for each version of them."""

RAY = "ray"
"""Ray's own files, of which nothing is read again."""

MLFLOW, ARTIFACTS = "mlflow.db", "mlartifacts"
"""MLflow's database and files, which lie in runs/ beside the studies' folders."""


SEARCH = re.compile(r"(?P<whose>.+)-[0-9]+(?:-confirm)?")
"""The names of a comparison's studies: COMPARISON-PROBLEM, the number of the search, and whether it confirms that."""


def going_on(directory: Path) -> str:
    """The command and the name that go on with a study: that of its comparison, where it belongs to one."""
    if (found := SEARCH.fullmatch(directory.name)) is not None:
        words = found["whose"].split("-")
        for count in range(len(words) - 1, 0, -1):
            name, problem = "-".join(words[:count]), "-".join(words[count:])
            if (directory.parent / name / PROBLEMS / f"{problem}.yaml").exists():
                return f"compare --name {name}"
    return f"resume {directory.name}"
