"""Recorded steps without a GPU: what would be recorded is taken again each time, with the same buffers."""

import copy
import gc
import math
import weakref
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch

from cnn_core import capture
from cnn_core.methods import METHODS, AugmentedLagrangian, Batch, Broyden, NullSpace, Soft
from cnn_core.methods.method import Method
from cnn_core.optimizers import Adam, Lbfgs, Optimizer, Sgd, Soap
from cnn_core.schedules import Cosine, Geometric, Linear
from cnn_core.training import Training, TrainingStatus
from tests.cnn_core.cases import relative
from tests.cnn_core.graphs import Streams, pretend
from tests.cnn_core.test_training import setting

CHANGING: dict[str, tuple[Method, Optimizer]] = {
    **{name: (METHODS[name](), Adam(1e-4)) for name in METHODS},
    "soft, schedules": (
        Soft(Geometric(0.1, 10.0, 3), weights={"residual": Linear(1, 2, 3)}), Adam(Cosine(1e-3, 1e-5, 4)),
    ),
    "momentum": (Soft(), Sgd(Linear(1e-4, 1e-5, 3), momentum=0.9)),
    "schedules of multipliers": (Batch(gain=Linear(1, 0.1, 3), damping=Linear(1e-2, 0, 3), warm_up=1.0), Sgd(1e-4)),
    "held multipliers": (Batch(refresh_interval=3), Sgd(1e-4)),
    "null-space": (NullSpace(Linear(1e-3, 1e-4, 3), corrections=1), Adam()),
    "penalty": (AugmentedLagrangian(Geometric(1, 10, 3), cap=1.0), Adam(1e-4)),
}  # fmt: skip

NOT_PLAYED = {"broyden", "conflict-free", "reduction"}
"""Whose steps are not recorded, or change the shapes of tensors in place, which `tests.cnn_core.graphs` cannot play."""


def training_with(method: Method, optimizer: Optimizer, *, record: bool, epochs: int = 4) -> Training:
    model, points = setting()
    return Training(model, points, method, optimizer, batch_size=5, epochs=epochs, seed=3, record=record)


def run(training: Training) -> Training:
    while training.status is TrainingStatus.RUNNING:
        training.run_epoch()
    return training


def assert_same_watched(recorded: Training, plain: Training) -> None:
    assert recorded.watched.keys() == plain.watched.keys()
    for name, value in plain.watched.items():
        assert recorded.watched[name] == pytest.approx(value, rel=1e-6), name


@pytest.mark.filterwarnings("ignore:steps are not recorded")
@pytest.mark.parametrize("name", CHANGING)
def test_a_recorded_training_is_the_same(name: str) -> None:
    """With batches of two sizes, schedules, and a warm-up."""
    method, optimizer = CHANGING[name]
    recorded, plain = (run(training_with(method, optimizer, record=record)) for record in (True, False))
    assert relative(recorded.theta, plain.theta) < 1e-12
    assert_same_watched(recorded, plain)


def places(recordings: capture.Recordings) -> dict[object, int]:
    return {kind: held.given["batches"][0]["x"].data_ptr() for kind, held in recordings._by_kind.items()}


def test_a_recording_reads_and_writes_in_the_same_places() -> None:
    training = training_with(Soft(Linear(1, 2, 4)), Adam(Linear(1e-3, 1e-4, 4)), record=True)
    training.run_epoch()
    recorder = training.recorder
    assert recorder is not None
    recordings = places(recorder._recordings)
    assert len(recordings) == 2  # full batches, and the last one
    place = training.theta.data_ptr()
    training.run_epoch()
    assert places(recorder._recordings) == recordings
    assert training.theta.data_ptr() == place
    assert float(recorder._numbers["method"]["weight"]) == pytest.approx(1 + 5 / 3 / 4)


def test_states_can_be_exchanged() -> None:
    """A recorded training goes on from a plain one, and the other way round."""
    for first, then in ((True, False), (False, True)):
        begun, straight = (training_with(NullSpace(), Adam(1e-4), record=record) for record in (first, False))
        begun.run_epoch()
        resumed = training_with(NullSpace(), Adam(1e-4), record=then)
        resumed.load_state_dict(copy.deepcopy(begun.state_dict()))
        assert relative(run(resumed).theta, run(straight).theta) < 1e-12
        assert isinstance(resumed.state_dict()["optimizer"]["param_groups"][0]["lr"], float)


def test_a_step_that_is_not_finite_ends_a_recorded_training_too() -> None:
    model, points = setting()
    u = points.u.clone()
    u[4] = math.nan
    plain, recorded = (
        Training(model, replace(points, u=u), Soft(), Sgd(1e-4), batch_size=2, epochs=3, record=record)
        for record in (False, True)
    )
    plain.run_epoch()
    recorded.run_epoch()
    assert (recorded.status, recorded.reason) == (TrainingStatus.DIVERGED, plain.reason)
    assert relative(recorded.theta, plain.theta) < 1e-12


@pytest.mark.parametrize("method", [Broyden(), Batch(refresh_interval=3)], ids=lambda one: one.name)
def test_too_many_kinds_of_steps_are_told_and_the_first_ones_stay(
    method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that count their steps have one for each; others come again."""
    monkeypatch.setattr(capture, "MOST_KINDS", 3)
    training, plain = (training_with(method, Sgd(1e-4), record=record, epochs=20) for record in (True, False))
    graphs = pretend(monkeypatch, [training])
    with pytest.warns(UserWarning, match="not recorded but taken one by one: there are more than 3 kinds") as told:
        run(training)
    assert len(told) == 1
    assert training.recorder is not None
    assert training.recorder.reason is not None
    assert len(training.recorder._recordings._by_kind) == 3
    assert any(graph.played for graph in graphs) == (method.name == "batch")
    assert relative(training.theta, run(plain).theta) < 1e-12


def test_what_cannot_be_recorded_is_told_and_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU's refusal comes while it records, after the step was taken."""

    def refuse(recording: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    monkeypatch.setattr(capture.Recording, "due", property(lambda held: held.taken == capture.TAKEN_FIRST))
    monkeypatch.setattr(capture.Recording, "record", refuse)
    training = training_with(Soft(), Adam(1e-4), record=True)
    with pytest.warns(UserWarning, match="one by one: operation not permitted when stream is capturing$"):
        run(training)
    assert relative(training.theta, run(training_with(Soft(), Adam(1e-4), record=False)).theta) < 1e-12


@pytest.mark.parametrize("breaks_off", [True, False])
def test_a_recording_leads_back_to_the_stream_of_its_thread(monkeypatch: pytest.MonkeyPatch, breaks_off: bool) -> None:
    streams, seen = Streams(monkeypatch), []

    def move(given: capture.Given) -> None:
        seen.append(streams.current)
        if breaks_off:
            raise RuntimeError("operation not permitted when stream is capturing")

    recording = capture.Recording({}, move)
    with pytest.raises(RuntimeError, match="previous error") if breaks_off else nullcontext():
        recording.record()
    assert (seen, streams.current) == (["that of recordings"], "the thread's own")
    assert (recording.graph is None) == breaks_off


@pytest.mark.parametrize("name", sorted(CHANGING.keys() - NOT_PLAYED))
def test_played_steps_are_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there was a GPU: a state that lies in a recording's tensors is read before they are written again, and what
    is worth watching is that of the last step.
    """
    method, optimizer = CHANGING[name]
    training, plain = (training_with(method, optimizer, record=record, epochs=8) for record in (True, False))
    graphs = pretend(monkeypatch, [training])
    while plain.status is TrainingStatus.RUNNING:
        plain.run_epoch()
        training.run_epoch()
        assert_same_watched(training, plain)
    assert any(graph.played for graph in graphs)
    assert relative(training.theta, plain.theta) < 1e-12


def test_a_state_that_is_loaded_is_recorded_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    training = training_with(Soft(), Sgd(1e-4, momentum=0.9), record=True)
    pretend(monkeypatch, [training])
    training.run_epoch()
    saved = copy.deepcopy(training.state_dict())
    run(training)
    end = training.theta.detach().clone()
    training.load_state_dict(saved)
    training.status = TrainingStatus.RUNNING
    assert relative(run(training).theta, end) < 1e-12


@pytest.mark.parametrize(
    ("method", "optimizer", "reason"),
    [
        (Soft(), Soap(), "soap decompose matrices"),
        (METHODS["conflict-free"](), Adam(1e-4), "conflict-free decompose matrices"),
        (NullSpace(growth_limit=1.5), Adam(1e-4), "null-space decide by numbers, with growth_limit"),
    ],
)
def test_steps_that_no_recording_bears_are_not_recorded(method: Method, optimizer: Optimizer, reason: str) -> None:
    training = training_with(method, optimizer, record=True)
    with pytest.warns(UserWarning, match=f"not recorded but taken one by one: those of {reason}$"):
        run(training)
    plain = run(training_with(method, optimizer, record=False))
    assert not training.recorded and torch.equal(training.theta, plain.theta)


@pytest.mark.parametrize("method", [Soft(), Batch()], ids=lambda one: one.name)
def test_a_training_that_is_no_more_leaves_its_recordings_at_once(method: Method) -> None:
    """They hold a GPU's memory; no collection of garbage has to come first."""
    training = run(training_with(method, Adam(1e-4), record=True))
    assert training.recorder is not None
    left = [weakref.ref(one) for one in (training, training.recorder, *training.recorder._recordings._by_kind.values())]
    gc.disable()
    try:
        del training
        assert [one() for one in left] == [None] * len(left)
    finally:
        gc.enable()


def test_line_searches_are_not_recorded() -> None:
    training = run(training_with(Soft(), Lbfgs(max_iterations=2), record=True))
    assert training.recorder is None
