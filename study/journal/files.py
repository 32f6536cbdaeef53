"""What lies in a study's folder, by name. (What lies in a trial's: `study.trial.files`.)"""

STUDY = "study.yaml"
"""The study with every default; a folder that has it holds a study."""

JOURNAL = "records.jsonl"
OPTUNA = "optuna.db"
"""Trials that ended, for Optuna's dashboard and other tools."""

BOOKMARKS, UPLOADING = "tracking.json", "tracking.lock"
"""How far the journal has reached each MLflow, and the lock of whoever uploads it."""

TRIALS, REPORT = "trials", "report"
RAY = "ray"
"""Ray's own files, of which nothing is read again."""

MLFLOW, ARTIFACTS = "mlflow.db", "mlartifacts"
"""MLflow's database and files, which lie in runs/ beside the studies' folders."""
