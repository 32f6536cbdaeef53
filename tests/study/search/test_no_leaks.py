"""Nothing that chooses sees a test error: not what is told the search, not what schedulers are handed."""

from types import SimpleNamespace
from typing import Any

import pytest
from optuna.storages import InMemoryStorage
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from search_spaces.contestants import CONTESTANT
from search_spaces.schema import Scheduler
from study.analysis.findings import analyse
from study.journal.events import TrialStatus
from study.search import schedulers
from study.search.confirmation import confirming
from study.search.optuna_search import OptunaSearch
from tests.study.competing import LEARNING_RATE, WEIGHT, competing, record

METRIC = "validation/data_mse"
TEST = {"test/data_mse": 1e-9, "test/constraint_mse": 1e-9, "projected/test/data_mse": 1e-9}


class Guarded(dict):
    """Metrics of which nobody may read those of the test split, nor all at once."""

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__(allowed(key))

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(allowed(key), default)

    def __contains__(self, key: object) -> bool:
        return super().__contains__(allowed(str(key)))

    def items(self) -> Any:
        raise AssertionError("all metrics are read, those of the test split among them")

    values = items


def allowed(key: str) -> str:
    assert "test" not in key.split("/"), f"{key} is read"
    assert key != "final"
    return key


def test_the_guard_guards() -> None:
    with pytest.raises(AssertionError, match="test/data_mse is read"):
        Guarded(TEST).get("test/data_mse")
    with pytest.raises(AssertionError, match="all metrics are read"):
        Guarded(TEST).items()


@pytest.mark.parametrize("sampler", ["tpe", "gp", "nsga2", "random"])
@pytest.mark.parametrize("objectives", [{METRIC: "min"}, {METRIC: "min", "projected/validation/data_mse": "min"}])
def test_the_search_reads_no_test_error_of_what_it_is_told(sampler: str, objectives: dict[str, str]) -> None:
    bounds = {"validation/constraint_mse": 0.2}
    study = competing(
        trials=9, tune={"sampler": sampler, "seconds": 1000.0}, contestants={}, bounds=bounds, objectives=objectives
    )
    records: dict[str, Any] = {}
    search = OptunaSearch(study, InMemoryStorage(), records)
    endings = [TrialStatus.COMPLETED, TrialStatus.PRUNED, TrialStatus.DIVERGED]
    for number in range(9):
        found: Any = search.suggest("any")
        one = record(found["trial"], found["values"], data=1.0 / (1 + number), seconds=1.0, also=TEST)
        one.metrics, one.status = Guarded(one.metrics), endings[number % 3]
        one.history = [(1, 0.0, Guarded(one.metrics))]
        records[one.trial] = one
        search.tell(one)
    OptunaSearch(study, InMemoryStorage(), records)  # a resumed search reads none either


def test_what_is_confirmed_does_not_depend_on_test_errors() -> None:
    """The best by validation are the worst by test data, and the other way round."""
    errors = [1.0, 2.0, 3.0, 4.0]
    confirmed = []
    for of_test in (errors, errors[::-1]):
        records = {
            f"000{place}": record(
                f"000{place}",
                {CONTESTANT: "heavy", LEARNING_RATE: 1e-3 * error, WEIGHT: 1.0},
                data=error,
                also={name: other for name in TEST} | {"projected/validation/data_mse": error},
            )
            for place, (error, other) in enumerate(zip(errors, of_test, strict=True))
        }
        confirmed.append(confirming({"any": analyse(competing(), records)}, seeds=2))
    assert confirmed[0] == confirmed[1]


@pytest.mark.parametrize("name", ["asha", "median"])
@pytest.mark.parametrize("balance", [None, CONTESTANT])
def test_schedulers_read_no_test_error_of_what_tune_hands_them(name: Any, balance: str | None) -> None:
    """Tune hands on all that a step reports, the last one's `final`, too, as one mapping with paths for keys."""
    made: Any = schedulers.build(Scheduler(name, metric=METRIC, reduction_factor=2.0), balance=balance)
    controller = SimpleNamespace(get_live_trials=list)
    decided = []
    for number, error in enumerate((0.1, 0.2, 0.3, 0.4)):
        trial = Trial(f"{number}", config={"values": {CONTESTANT: "one"}}, stub=True)
        made.on_trial_add(controller, trial)
        for epoch in (1, 2, 3):
            final = {f"final/{key}": value for key, value in TEST.items()}
            result = Guarded({"epoch": epoch, f"metrics/{METRIC}": error, "metrics/time/train_s": 1.0, **final})
            decided.append(made.on_trial_result(controller, trial, result))
            if decided[-1] == TrialScheduler.STOP:
                break
        made.on_trial_complete(controller, trial, result)
    assert TrialScheduler.STOP in decided
    search = OptunaSearch(competing(), InMemoryStorage())
    search.on_trial_complete("any", Guarded(TEST))
