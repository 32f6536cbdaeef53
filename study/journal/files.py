"""What lies in a study's folder, by name. (What lies in a trial's: `study.trial.files`.)"""

from pathlib import Path

STUDY = "study.yaml"
"""The study with every default; a folder that has it holds a study."""

QUESTION = "comparison.yaml"
"""What a comparison asks; a folder that has it holds a comparison."""

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


def going_on(directory: Path) -> str:
    """The command and the name that go on with a study: that of its comparison, where it belongs to one."""
    words = directory.name.split("-")
    names = ("-".join(words[:count]) for count in range(len(words) - 1, 0, -1))
    for name in names:
        if (directory.parent / name / QUESTION).exists():
            return f"compare --name {name}"
    return f"resume {directory.name}"
