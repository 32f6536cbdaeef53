"""What lies in a trial's folder, by name."""

CHECKPOINT, CHECKPOINT_BEFORE = "checkpoint.pt", "checkpoint.before.pt"
SETTINGS = "trial.yaml"
"""The trial as a study file, with every default."""

PREDICTIONS, PERCENTILES = "predictions.npz", "percentiles.csv"
TRACEBACK = "traceback.txt"
"""Of a trial that failed."""
