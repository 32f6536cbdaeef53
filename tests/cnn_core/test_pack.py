"""Trainings of a pack are what each of them is by itself."""

import copy
import gc
import math
import warnings
import weakref
from dataclasses import replace

import pytest
import torch

from cnn_core import capture, stack
from cnn_core.constrained import ConstrainedNetwork
from cnn_core.methods import METHODS, AugmentedLagrangian, Batch, NullSpace, Reduction, Soft, Unconstrained
from cnn_core.methods.balance import GradientNorms
from cnn_core.methods.method import Method
from cnn_core.networks import Dense, Modulated
from cnn_core.optimizers import Adam, Lbfgs, Optimizer, Sgd
from cnn_core.pack import METHODS_STACKED, MOST_STACKS, Pack, StackRecordings, groups, run_stacked, why_alone
from cnn_core.problems import Problem, Split, heat, helmholtz, kovasznay, sample_regions
from cnn_core.reductions import Huber
from cnn_core.schedules import Cosine, Geometric, Linear
from cnn_core.tasks import Roles
from cnn_core.training import Training, TrainingStatus
from tests.cnn_core.cases import OwnNetwork, grid_points, make_model, relative
from tests.cnn_core.graphs import pretend

WAVES = helmholtz()


def member(
    seed: int,
    method: Method,
    optimizer: Optimizer | None = None,
    *,
    epochs: int = 3,
    batch_size: int = 5,
    record: bool = False,
) -> Training:
    """Parameters, points and shuffles of its own."""
    model = make_model(WAVES, Modulated(widths=(7, 6), activation="tanh"), seed=seed)
    points = grid_points(WAVES, 13, seed=seed)
    used = optimizer or Adam(1e-3)
    return Training(model, points, method, used, batch_size, epochs, seed, record=record)


def run(pack: Pack) -> Pack:
    """To the end, without a word of torch's about operations that it cannot stack."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        while any(training.status is TrainingStatus.RUNNING for training in pack.trainings):
            pack.run_epoch()
    return pack


def run_alone(training: Training) -> Training:
    while training.status is TrainingStatus.RUNNING:
        training.run_epoch()
    return training


def assert_as_alone(
    *methods: Method, optimizers: list[Optimizer] | None = None, seeds: int = 3, record: bool = False
) -> Pack:
    """As many trainings as there are methods, or one for each seed, give what each gives by itself."""
    each = list(methods) * (seeds if len(methods) == 1 else 1)
    used = optimizers or [Adam(1e-3 * (1 + seed)) for seed in range(len(each))]
    pack, single = (
        [member(seed, method, used[seed], record=recorded) for seed, method in enumerate(each)]
        for recorded in (record, False)
    )
    together = Pack(pack)
    run(together)
    assert together.alone == {}
    for training, expected in zip(pack, map(run_alone, single), strict=True):
        assert relative(training.theta, expected.theta) < 1e-10
        assert relative(training.gradient, expected.gradient) < 1e-8
        assert (training.status, training.epoch) == (TrainingStatus.COMPLETED, 3)
        assert torch.equal(training.batches.shuffler.get_state(), expected.batches.shuffler.get_state())
    return together


@pytest.mark.parametrize("method", METHODS_STACKED)
@pytest.mark.parametrize("optimizer", ["adam", "sgd", "momentum"])
def test_trainings_of_a_pack_are_those_one_by_one(method: str, optimizer: str) -> None:
    used: dict[str, list[Optimizer]] = {
        "adam": [Adam(rate) for rate in (1e-3, 2e-3, 3e-3)],
        "sgd": [Sgd(rate) for rate in (1e-4, 2e-4, 3e-4)],
        "momentum": [Sgd(rate, momentum=0.9) for rate in (1e-4, 2e-4, 3e-4)],
    }
    assert_as_alone(METHODS[method](), optimizers=used[optimizer])


def test_rates_and_schedules_differ() -> None:
    rates: list[Optimizer] = [Adam(Linear(1e-3, 1e-4, 3)), Adam(Cosine(1e-3, 1e-5, 2)), Adam(2e-3)]
    assert_as_alone(Soft(0.5), Soft(Geometric(0.1, 10.0, 3)), Soft(2.0), optimizers=rates)
    assert_as_alone(*(Soft(weights={"residual": weight}) for weight in (1.0, 2.0, Linear(0, 1, 3))))
    assert_as_alone(*(Batch(gain=gain, damping=damping) for gain, damping in ((0.1, 0.01), (Linear(1, 0.5, 3), 0.001))))
    assert_as_alone(*(Reduction(Huber(), gain, damping=1e-3) for gain in (0.1, 0.2)))
    assert_as_alone(*(NullSpace(rate, 10 * rate, corrections=1, cap=5.0) for rate in (1e-3, 2e-3)))
    assert_as_alone(*(AugmentedLagrangian(rate, 0.5, 1.0, 0.1, 0.5) for rate in (1.0, 2.0)))


RECORDED: dict[str, list[Method]] = {
    **{name: [METHODS[name]()] for name in METHODS_STACKED},
    "schedules": [Soft(0.5), Soft(Geometric(0.1, 10.0, 3)), Soft(2.0)],
    "warm-up": [Batch(warm_up=1.0)],
    "held": [Reduction(refresh_interval=2, damping=1e-3)],
}


@pytest.mark.parametrize("name", RECORDED)
@pytest.mark.parametrize("optimizer", [None, Sgd(1e-4, momentum=0.9)])
def test_recorded_stacks_are_the_same(name: str, optimizer: Optimizer | None, monkeypatch: pytest.MonkeyPatch) -> None:
    graphs, used = pretend(monkeypatch), None if optimizer is None else [optimizer] * 3
    monkeypatch.setattr(capture, "TAKEN_FIRST", 1)
    pack = assert_as_alone(*RECORDED[name], optimizers=used, record=True)
    assert pack.alone == {}
    played = sum(graph.played for graph in graphs)
    assert played or name == "held"  # its steps count themselves, and none comes twice
    assert {training.recorded for training in pack.trainings} == {name != "held" or pack.trainings[0].recorded}


@pytest.mark.parametrize("optimizer", [Adam(1e-3), Sgd(1e-4, momentum=0.9)])
def test_a_recorded_training_goes_into_a_stack_and_comes_back(
    optimizer: Optimizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own recordings read what its optimizer remembers where that always was."""

    def journey(*, record: bool) -> Training:
        one, other = (member(seed, Soft(), optimizer, epochs=9, record=record) for seed in range(2))
        graphs, recordings = pretend(monkeypatch, [one]), StackRecordings()
        for alone in (True, True, True, True, False, False, True, True, True):
            if alone:
                one.run_epoch()
            else:
                run_stacked([one, other], recordings)
        assert not record or graphs[0].played > 4
        return one

    assert relative(journey(record=True).theta, journey(record=False).theta) < 1e-10


def test_recordings_serve_whoever_leads() -> None:
    """Trainings whose rates differ share them, and none of the first ones is kept alive by them."""
    recordings, gone = StackRecordings(), []
    for leader in range(20):
        pair = [member(seed, Soft(), Adam(1e-3 * (1 + leader + seed)), record=True) for seed in range(2)]
        gone += [weakref.ref(training) for training in pair]
        run_stacked(pair, recordings)
    assert recordings.reason is None
    assert len(recordings.of(pair)._by_kind) == 2  # full batches, and the last one
    del pair
    gc.collect()
    assert [training() for training in gone] == [None] * 40


def test_recordings_outlast_a_warm_up() -> None:
    recordings = StackRecordings()
    pair = [member(seed, Batch(warm_up=6.0), epochs=9, record=True) for seed in range(2)]
    for _ in range(9):
        run_stacked(pair, recordings)
    assert len(recordings._by_kind) == 1


def test_recordings_of_stacks_that_are_no_more_are_forgotten() -> None:
    kept = StackRecordings()
    first = [member(seed, Soft()) for seed in range(2)]
    assert kept.of(first) is kept.of([member(7, Soft()), member(8, Soft())])
    for count in range(3, 3 + MOST_STACKS):
        kept.of([member(seed, Soft()) for seed in range(count)])
    assert len(kept._by_kind) == MOST_STACKS


def test_methods_that_warm_up_or_hold_numbers() -> None:
    assert_as_alone(Batch(warm_up=1.0))
    assert_as_alone(Reduction(refresh_interval=2, damping=1e-3))
    assert_as_alone(NullSpace(preconditioner="identity", warm_up=0.5))


def test_methods_that_differ_are_stacked_with_their_like() -> None:
    kinds = [Soft(), Unconstrained(), Soft(2.0), Unconstrained(), Batch(), Soft(reduction=Huber())]
    pack = Pack([member(seed, method) for seed, method in enumerate(kinds)])
    run(pack)
    assert pack.alone == dict.fromkeys((4, 5), "no other training has its shape")
    for seed, method in enumerate(kinds):
        assert relative(pack.trainings[seed].theta, run_alone(member(seed, method)).theta) < 1e-10


@pytest.mark.parametrize("method", ["soft", "batch", "augmented-lagrangian"])
def test_one_that_diverges_does_not_disturb_the_others(method: str) -> None:
    def trainings() -> list[Training]:
        found = [member(seed, METHODS[method]()) for seed in range(3)]
        points = found[1].regions["interior"]
        u = points.u.clone()
        u[4] = math.nan
        found[1].regions["interior"] = replace(points, u=u)
        return found

    pack, single = Pack(trainings()), trainings()
    run(pack)
    for training, expected in zip(pack.trainings, map(run_alone, single), strict=True):
        assert (training.status, training.reason, training.epoch) == (
            expected.status, expected.reason, expected.epoch,
        )  # fmt: skip
        assert relative(training.theta, expected.theta) < 1e-10
    assert pack.trainings[1].status is TrainingStatus.DIVERGED


@pytest.mark.parametrize("method", METHODS_STACKED)
@pytest.mark.parametrize("optimizer", [Adam(1e-3), Sgd(1e-4, momentum=0.9)])
def test_states_can_be_exchanged(method: str, optimizer: Optimizer) -> None:
    """A training leaves a pack after an epoch and goes on alone; another one goes the other way."""
    begun = [member(seed, METHODS[method](), optimizer) for seed in range(2)]
    Pack(begun).run_epoch()
    alone = [member(seed, METHODS[method](), optimizer) for seed in range(2)]
    for training in alone:
        training.run_epoch()
    left, entered = ([member(9, METHODS[method](), optimizer) for _ in range(2)] for _ in range(2))
    for resumed, saved in ((left, begun), (entered, alone)):
        for training, held in zip(resumed, saved, strict=True):
            state = held.state_dict()
            training.batches.points = held.regions
            training.load_state_dict(copy.deepcopy(state))
    run(Pack(entered))
    for seed in range(2):
        expected = run_alone(member(seed, METHODS[method](), optimizer)).theta
        assert relative(run_alone(left[seed]).theta, expected) < 1e-10
        assert relative(entered[seed].theta, expected) < 1e-10


def test_trainings_of_other_shapes_are_not_stacked_with_each_other() -> None:
    model = make_model(WAVES, Dense(widths=(4,)))
    others = [
        Training(model, grid_points(WAVES, 13), Soft(), batch_size=5, epochs=3),
        member(0, Soft(), batch_size=4),
        Training(make_model(helmholtz(), Modulated(widths=(7, 6), activation="tanh")), grid_points(WAVES, 13), Soft()),
    ]
    pack = Pack([member(0, Soft()), *others])
    pack.run_epoch()
    assert set(pack.alone.values()) == {"no other training has its shape"}
    assert len(pack.alone) == 4


@pytest.mark.parametrize(
    ("method", "optimizer", "reason"),
    [
        (METHODS["sample"](), Adam(), "steps of sample are not stacked"),
        (Soft(), Lbfgs(), "steps of lbfgs are not stacked"),
        (Soft(balance=GradientNorms()), Adam(), "balanced weights are not stacked"),
        (Batch(refresh_interval=2), Adam(), "held for several steps"),
        (NullSpace(growth_limit=2.0), Adam(), "steps of null-space decide by numbers, with growth_limit"),
    ],
)
def test_why_a_training_is_alone(method: Method, optimizer: Optimizer, reason: str) -> None:
    pack = Pack([member(seed, method, optimizer, epochs=1) for seed in range(2)])
    assert reason in str(why_alone(pack.trainings[0]))
    pack.run_epoch()
    assert list(pack.alone) == [0, 1]
    assert reason in pack.alone[0]
    assert relative(pack.trainings[0].theta, run_alone(member(0, method, optimizer, epochs=1)).theta) < 1e-14


def test_networks_that_are_not_ours_are_alone() -> None:
    own = ConstrainedNetwork(WAVES, OwnNetwork(1, 3, 1))
    assert "no pure functions" in str(why_alone(Training(own, grid_points(WAVES, 5), Soft())))


def test_what_is_not_finite_in_the_end_is_not_stacked_again() -> None:
    pack = Pack([member(seed, Soft(), Sgd(1e300)) for seed in range(2)])
    run(pack)
    assert {training.status for training in pack.trainings} == {TrainingStatus.DIVERGED}
    assert pack.run_epoch() == [TrainingStatus.DIVERGED] * 2


COUNTS = {"interior": 9, "boundary": 6}
CASES: dict[str, tuple[Problem, dict[str, tuple[float, ...]], dict[str, int], Roles]] = {
    "heat": (heat(), {"diffusivity": (0.1, 0.5)}, COUNTS | {"initial": 4}, {"walls": "objective"}),
    "kovasznay": (kovasznay(), {}, COUNTS, {}),  # conditions of several rows
}


def member_on_regions(name: str, seed: int, method: Method) -> Training:
    problem, parameters, counts, roles = CASES[name]
    points = sample_regions(problem, Split(parameters, counts), seed=seed)
    model = make_model(problem, Dense(widths=(6, 5)), seed=seed)
    return Training(model, points, method, Adam(1e-3), batch_size=5, epochs=2, seed=seed, roles=roles)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("method", [Soft(2.0), AugmentedLagrangian(), Reduction(damping=1e-3)])
def test_conditions_on_regions_without_data(method: Method, name: str) -> None:
    pack = Pack([member_on_regions(name, seed, method) for seed in range(3)])
    run(pack)
    assert pack.alone == {}
    for seed, training in enumerate(pack.trainings):
        assert relative(training.theta, run_alone(member_on_regions(name, seed, method)).theta) < 1e-10
    assert "every region has constraints and data" in str(why_alone(member_on_regions(name, 0, Batch())))


@pytest.mark.parametrize("method", METHODS_STACKED)
@pytest.mark.parametrize("optimizer", [Adam(Linear(1e-3, 1e-4, 3)), Sgd(1e-4, momentum=0.9)])
def test_one_that_is_farther_is_stacked_with_those_that_begin(method: str, optimizer: Optimizer) -> None:
    trainings = [member(seed, METHODS[method](), optimizer) for seed in range(3)]
    trainings[0].run_epoch()
    trainings[1].run_epoch()
    pack = Pack(trainings)
    run(pack)
    for seed, training in enumerate(trainings):
        assert relative(training.theta, run_alone(member(seed, METHODS[method](), optimizer)).theta) < 1e-10
    if method in ("unconstrained", "soft", "augmented-lagrangian"):
        assert set(pack.alone) <= {2}  # in the end, as the others are there already


def test_those_that_warm_up_are_not_stacked_with_those_that_have() -> None:
    ahead, behind, other = (member(seed, Reduction(warm_up=1.0, damping=1e-3)) for seed in range(3))
    ahead.run_epoch()
    assert [len(group) for group in groups([ahead, behind, other])] == [1, 2]


def test_where_stacked_steps_raise_all_are_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = [member(seed, Soft()) for seed in range(2)]
    with monkeypatch.context() as broken:
        broken.setattr(stack, "moved", raising)
        with pytest.raises(torch.OutOfMemoryError):
            run_stacked(trainings)
    for seed, training in enumerate(trainings):
        assert relative(run_alone(training).theta, run_alone(member(seed, Soft())).theta) < 1e-14


def raising(*arguments: object) -> None:
    raise torch.OutOfMemoryError("no room")


def test_networks_with_hard_values_are_stacked() -> None:
    def trainings() -> list[Training]:
        network = Dense(widths=(6,), hard={"x": (0.0, None)})
        return [Training(make_model(WAVES, network, seed=seed), grid_points(WAVES, 13), Soft()) for seed in range(2)]

    assert len(groups(trainings())) == 1
