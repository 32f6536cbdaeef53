"""A small study's folder, written by hand: one trial of every ending, and what MLflow should show of them."""

from functools import cache
from pathlib import Path

from cnn_core.metrics import WORST
from search_spaces.load import dump_yaml, load_study
from search_spaces.schema import Study
from study.journal.events import TrialStatus
from study.journal.journal import Journal
from tests.study.synthetic_journal import write_percentiles, write_predictions

SOFT, BATCH, UNCONSTRAINED = (
    {"training.method.name": name, "training.optimizer.learning_rate": rate}
    for name, rate in (("soft", 0.001), ("batch", 0.01), ("unconstrained", 0.002))
)
EPOCHS = 3
PROVENANCE = {"git_commit": "0123abc-dirty", "version/torch": "2.13.0", "version/mlflow": "3.17.2"}


@cache
def study() -> Study:
    """Three methods, two trials each."""
    return load_study(Path(__file__).with_suffix(".yaml"))


def fill(directory: Path) -> Journal:
    """Write journal and files of a study that ended: trials 0001 to 0006, one per ending and a second completed one."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "study.yaml").write_text(dump_yaml(study()), encoding="utf-8")
    journal = Journal(directory)
    journal.append("study-start", study=study().study, provenance=PROVENANCE)
    complete(journal, "0001", SOFT | {"training.method.weight": 0.5}, data=0.05, constraint=0.02)
    complete(journal, "0002", BATCH | {"training.method.gain": 2.0}, data=0.2, constraint=0.001)
    begin(journal, "0003", SOFT | {"training.method.weight": 7.0}, data=0.9, constraint=0.01, epochs=1)
    journal.trial_end("0003", TrialStatus.PRUNED, metrics(0.9, 0.01, 1))
    begin(journal, "0004", UNCONSTRAINED, data=WORST, constraint=WORST, epochs=2)
    journal.trial_end("0004", TrialStatus.DIVERGED, metrics(WORST, WORST, 2) | {"status": "diverged", "diverged": 1.0})
    begin(journal, "0005", BATCH, data=0.0, constraint=0.0, epochs=0)
    journal.trial_end("0005", TrialStatus.FAILED, {}, "RuntimeError: out of memory")
    begin(journal, "0006", UNCONSTRAINED, data=0.5, constraint=0.6, epochs=2)
    journal.trial_end("0006", TrialStatus.STOPPED, metrics(0.5, 0.6, 2))
    journal.append("study-end", status="FINISHED")
    return journal


def begin(
    journal: Journal, trial: str, values: dict[str, str | float], *, data: float, constraint: float, epochs: int
) -> None:
    """A trial starts and trains for some epochs."""
    journal.trial_start(trial, values=values, method=str(values["training.method.name"]))
    for epoch in range(1, epochs + 1):
        journal.epoch(trial, epoch, metrics(data, constraint, epoch))


def complete(journal: Journal, trial: str, values: dict[str, str | float], *, data: float, constraint: float) -> None:
    """A trial from its start to its end, with files."""
    begin(journal, trial, values, data=data, constraint=constraint, epochs=EPOCHS)
    folder = journal.path.parent / "trials" / trial
    folder.mkdir(parents=True)
    (folder / "trial.yaml").write_text(f"study: {trial}\n", encoding="utf-8")
    write_predictions(folder / "predictions.npz")
    write_percentiles(folder / "percentiles.csv", EPOCHS, constraint)
    last = metrics(data, constraint, EPOCHS) | {"test/data_mse": 2 * data, "projected/validation/data_mse": 3 * data}
    texts = {"projection/status": "tolerance not met", "status": "completed"}
    journal.trial_end(trial, TrialStatus.COMPLETED, last | texts)


def metrics(data: float, constraint: float, epoch: int) -> dict[str, float]:
    """An epoch's metrics; the last epoch has the errors given."""
    fading = float(1 + EPOCHS - epoch)
    return {
        "validation/data_mse": min(data * fading, WORST),
        "validation/constraint_mse": min(constraint * fading, WORST),
        "time/train_s": float(epoch),
        "diverged": float(data >= WORST),
    }
