"""Names that MLflow takes, whatever a problem calls its parameters."""

import pytest
from mlflow.utils.validation import _validate_param_name, _validate_tag_name

from study.tracking.names import fit

PLAIN = ["training.method.weight", "data.train.λ₀", "validation/data_mse", "a b", "a:b"]
UNFIT = ["λ₀ [1/s]", "λ₀ (1/s)", "a//b", "/a", "../a", "a/.", ".", "", "k²→∞", "x" * 300, "a\nb", "\t"]


@pytest.mark.parametrize("name", PLAIN)
def test_a_name_that_mlflow_takes_stays(name: str) -> None:
    assert fit(name) == name


@pytest.mark.parametrize("name", [*PLAIN, *UNFIT])
def test_mlflow_takes_every_name(name: str) -> None:
    _validate_param_name(fit(name))
    _validate_tag_name(fit(name))
    assert len(fit(name)) <= 250
    assert fit(name) == fit(name)


def test_no_two_names_become_one() -> None:
    names = [*UNFIT, "λ₀ {1/s}", "λ₀ _1/s_", "x" * 301, "y" + "x" * 299]
    assert len({fit(name) for name in names}) == len(names)


def test_it_can_still_be_read() -> None:
    assert fit("data.train.λ₀ [1/s]").startswith("data.train.λ₀ _1/s_ ")
