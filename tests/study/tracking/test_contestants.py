"""What MLflow is told of trials of contestants."""

from pathlib import Path
from typing import Any

from search_spaces.load import dump_yaml
from study.journal.events import TrialStatus
from study.journal.journal import Journal
from study.report.looks import look
from study.tracking.mirror import Mirror
from tests.study.competing import competing
from tests.study.tracking.memory_store import MemoryStore


def test_a_contestant_is_name_tag_parameter_and_colour_of_its_runs(tmp_path: Path) -> None:
    study, store = competing(), MemoryStore()
    (tmp_path / "study.yaml").write_text(dump_yaml(study), encoding="utf-8")
    journal = Journal(tmp_path)
    journal.append("study-start", study=study.study, provenance={})
    for number, name in enumerate(study.contestants):
        journal.trial_start(f"000{number}", values={"contestant": name}, method=name)
        journal.trial_end(f"000{number}", TrialStatus.COMPLETED, {"validation/data_mse": 0.5, "time/cpu_s": 2.0})
    mirror: Any = Mirror(tmp_path, study, store)  # type: ignore[arg-type]
    mirror.advance()
    runs = {run["name"]: run for run in store.content.values()}
    heavy, plain = runs["0000 heavy"], runs["0001 plain"]
    assert (heavy["tags"]["method"], plain["tags"]["method"]) == ("heavy", "plain")
    assert heavy["tags"]["mlflow.runColor"] == look("heavy", ["heavy", "plain"]).colour
    assert heavy["parameters"]["contestant"] == "heavy"
    assert [run["parameters"]["training.method.name"] for run in (heavy, plain)] == ["soft", "unconstrained"]
    assert "time/cpu_s" in {point.name for point in heavy["metrics"]}
