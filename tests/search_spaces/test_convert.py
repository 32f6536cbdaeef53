"""What Optuna is asked."""

import warnings
from pathlib import Path

import optuna
import pytest

from search_spaces.blocks import write
from search_spaces.convert import is_possible, stored, suggest
from search_spaces.load import load_study, resolve
from search_spaces.schema import Choice, Distribution, Integer, Uniform
from tests.search_spaces.files import grid, load

optuna.logging.set_verbosity(optuna.logging.ERROR)

METHOD = "training.method.name"
NESTED = {
    "search:training.method.gain.value": {"log_uniform": [0.1, 1.0], "when": {METHOD: ["batch", "sample"]}},
    "search:training.method.gain.name": {"choice": ["constant", "warm-up"], "when": {METHOD: ["batch", "sample"]}},
    "search:training.method.gain.epochs": {"int": [1, 3], "when": {"training.method.gain.name": "warm-up"}},
    f"search:{METHOD}": {"choice": ["soft", "batch", "sample"]},
}


def test_inactive_parameters_are_not_asked_for(tmp_path: Path) -> None:
    study = load(
        tmp_path,
        {
            f"search:{METHOD}": {"choice": ["unconstrained", "soft", "batch"]},
            "search:training.method.weight": {"log_uniform": [0.1, 1.0], "when": {METHOD: "soft"}},
            "search:training.method.gain": {"log_uniform": [0.1, 1.0], "when": {METHOD: "batch"}},
        },
    )
    for values in ({METHOD: "soft", "training.method.weight": 0.5}, {METHOD: "unconstrained"}):
        assert suggest(study, optuna.trial.FixedTrial(values)) == values


def test_conditions_are_asked_first_whatever_the_order_in_the_file(tmp_path: Path) -> None:
    study = load(tmp_path, NESTED)
    gain = {"training.method.gain.value": 0.3, "training.method.gain.name": "warm-up", "training.method.gain.epochs": 2}
    values = {METHOD: "batch", **gain}
    assert suggest(study, optuna.trial.FixedTrial(values)) == values
    assert suggest(study, optuna.trial.FixedTrial({METHOD: "soft"})) == {METHOD: "soft"}


def test_distributions_are_those_of_the_file(tmp_path: Path) -> None:
    study = load(
        tmp_path,
        {
            "search:training.method.weight": {"log_uniform": [0.1, 1.0]},
            "search:training.optimizer.learning_rate": {"uniform": [0.001, 0.01]},
            "search:training.epochs": {"int": [1, 3]},
            "search:training.batch_size": {"log_int": [1, 100]},
            "search:network.widths": {"choice": [[4], [5, 5]]},
        },
    )
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    values = suggest(study, trial)
    assert trial.distributions == {
        "training.method.weight": optuna.distributions.FloatDistribution(0.1, 1.0, log=True),
        "training.optimizer.learning_rate": optuna.distributions.FloatDistribution(0.001, 0.01),
        "training.epochs": optuna.distributions.IntDistribution(1, 3),
        "training.batch_size": optuna.distributions.IntDistribution(1, 100, log=True),
        "network.widths": optuna.distributions.CategoricalDistribution(["[4]", "[5, 5]"]),
    }
    assert values["network.widths"] in ((4,), (5, 5))
    assert write(resolve(study, values).network)["widths"] == list(values["network.widths"])


def test_lists_are_queued_as_optuna_keeps_them(tmp_path: Path) -> None:
    study = load(tmp_path, {"search:network.widths": {"choice": [[4], [5, 5]]}})
    search = optuna.create_study()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for values in grid(study):
            search.enqueue_trial(stored(values))
            assert suggest(study, search.ask()) == values


@pytest.mark.parametrize("sampler", ["tpe", "random", "nsga2", "gp"])
def test_every_sampler_draws_what_can_be_resolved(sampler: str) -> None:
    study = load_study("helmholtz-quick", {"tune.sampler": sampler})
    samplers = {
        "tpe": optuna.samplers.TPESampler(seed=0, n_startup_trials=3),
        "random": optuna.samplers.RandomSampler(seed=0),
        "nsga2": optuna.samplers.NSGAIISampler(seed=0, population_size=3),
        "gp": optuna.samplers.GPSampler(seed=0, n_startup_trials=3),
    }
    search = optuna.create_study(directions=["minimize", "minimize"], sampler=samplers[sampler])
    for index in range(6):
        search.enqueue_trial({METHOD: "batch"})
        trial = search.ask()
        assert resolve(study, suggest(study, trial)).training.method.name == "batch"
        search.tell(trial, [float(index), 1.0])


@pytest.mark.parametrize(
    ("value", "distribution", "possible"),
    [
        (2, Integer(1, 3), True),
        (4, Integer(1, 3), False),
        (2.5, Integer(1, 3), False),
        (True, Integer(1, 3), False),
        (1, Uniform(0.5, 1.5), True),
        (True, Uniform(0.5, 1.5), False),
        ("1", Uniform(0.5, 1.5), False),
        (1, Choice((1, "a")), True),
        (True, Choice((1, "a")), False),
        ([4, 4], Choice(((4, 4), (8,))), True),
        ("b", Choice(("a",)), False),
    ],
)
def test_what_a_distribution_takes(value: object, distribution: Distribution, possible: bool) -> None:
    assert is_possible(value, distribution) is possible
