"""What holds for every region of every domain."""

import pickle

import pytest
import torch

from cnn_core.domains import SAMPLINGS
from cnn_core.domains.domain import ends_of
from tests.cnn_core.domains.examples import EXAMPLES, REGIONS

FACELESS = ("interior", "initial", "final")


def count_of(name: str, region: str, sampling: str) -> int:
    """What every sampling takes: a box's uniform interior is a grid."""
    grid = sampling == "uniform" and region == "interior"
    return 3 ** len(EXAMPLES[name].coordinates) if grid else 101


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize(("name", "region"), REGIONS)
def test_samples_are_in_the_domain_and_as_many_as_asked_for(name: str, region: str, sampling) -> None:
    domain, count = EXAMPLES[name], count_of(name, region, sampling)
    x, normal = domain.sample(region, count, sampling, seed=5)
    assert (x.shape, x.dtype, x.device.type) == ((count, len(domain.coordinates)), torch.float64, "cpu")
    assert domain.contains(x).all()
    low, high = torch.tensor(list(domain.box.values()), dtype=torch.float64).T
    assert ((low - 1e-12 <= x) & (x <= high + 1e-12)).all()
    assert (normal is None) == (region in FACELESS)


@pytest.mark.parametrize(("name", "region"), [pair for pair in REGIONS if pair[1] not in FACELESS])
def test_normals_are_of_unit_length_and_point_outwards(name: str, region: str) -> None:
    domain = EXAMPLES[name]
    x, normal = domain.sample(region, 500, seed=1)
    assert normal is not None
    assert normal.norm(dim=1).tolist() == pytest.approx([1.0] * 500, abs=1e-12)
    assert not domain.contains(x + 1e-6 * normal).any()
    inwards = x - 1e-6 * normal
    assert domain.contains(inwards).float().mean() > 0.99  # all but those at sharp corners
    if domain.span is not None:
        assert (normal[:, domain.coordinates.index(domain.span[0])] == 0).all()


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize(("name", "region"), REGIONS)
def test_the_seed_decides(name: str, region: str, sampling) -> None:
    domain, count = EXAMPLES[name], count_of(name, region, sampling)
    first, again, other = (domain.sample(region, count, sampling, seed=seed).x for seed in (0, 0, 1))
    assert torch.equal(first, again)
    points = len(domain.coordinates) == 1 and region not in FACELESS
    assert torch.equal(first, other) == (sampling == "uniform" or points)


@pytest.mark.parametrize("name", [name for name, domain in EXAMPLES.items() if domain.span is not None])
def test_beginning_and_end_lie_at_the_ends_of_the_time(name: str) -> None:
    domain = EXAMPLES[name]
    assert domain.span is not None
    axis = domain.coordinates.index(domain.span[0])
    for region, value in zip(ends_of(domain.span), domain.span[1], strict=True):
        assert (domain.sample(region, 20).x[:, axis] == value).all()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_domain_can_be_sent_to_another_process(name: str) -> None:
    domain = EXAMPLES[name]
    copy = pickle.loads(pickle.dumps(domain))
    assert copy == domain
    assert torch.equal(copy.sample("interior", 9).x, domain.sample("interior", 9).x)


def test_sampling_leaves_torchs_own_random_numbers_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    for sampling in SAMPLINGS:
        EXAMPLES["hole"].sample("interior", 16, sampling, seed=4)  # type: ignore[arg-type]
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        (
            "boundry",
            r"region 'boundry' is not known, the domain has interior, boundary, outer, hole, x=0.*; write bound",
        ),
        ("x=2", "write x=1"),
        ("wall", "write one of: interior, boundary, outer, hole, x=0, x=1, y=0, y=1"),
    ],
)
def test_unknown_regions_are_refused(region: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EXAMPLES["hole"].sample(region, 3)


def test_unknown_samplings_and_no_points_are_refused() -> None:
    with pytest.raises(ValueError, match="region 'hole': sampling 'sobl' is not known; write sobol"):
        EXAMPLES["hole"].sample("hole", 3, "sobl")  # type: ignore[arg-type]
    for domain in (EXAMPLES["hole"], EXAMPLES["box"]):
        for sampling in SAMPLINGS:
            with pytest.raises(ValueError, match="region 'interior': their number must be at least 1, got 0"):
                domain.sample("interior", 0, sampling)  # type: ignore[arg-type]
