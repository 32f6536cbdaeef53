"""Metrics leave in full requests, and all of them."""

from collections.abc import Sequence

import pytest

from study.tracking.outbox import Outbox
from study.tracking.store import METRICS_AT_ONCE, MetricPoint


class Requests:
    """Takes what is sent, or breaks."""

    requests_at_once = 2

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.sent: list[tuple[str, Sequence[MetricPoint]]] = []

    def add(self, run: str, points: Sequence[MetricPoint]) -> None:
        if self.broken:
            raise ConnectionError("no answer")
        self.sent.append((run, points))


def outbox_to(requests: Requests) -> Outbox:
    return Outbox(requests)  # type: ignore[arg-type]


def points(count: int) -> list[MetricPoint]:
    return [MetricPoint("validation/data_mse", 0.5, 1000, step) for step in range(count)]


def test_what_does_not_fill_a_request_waits_until_the_box_is_emptied() -> None:
    requests = Requests()
    outbox = outbox_to(requests)
    outbox.put("one", points(METRICS_AT_ONCE - 1))
    outbox.put("two", points(1))
    assert (requests.sent, outbox.sent) == ([], 0)
    outbox.empty()
    assert dict(requests.sent) == {"one": points(METRICS_AT_ONCE - 1), "two": points(1)}


def test_a_full_request_is_sent_and_counted() -> None:
    requests = Requests()
    outbox = outbox_to(requests)
    for _ in range(2):
        outbox.put("one", points(METRICS_AT_ONCE // 2))
    assert outbox.sent == METRICS_AT_ONCE
    outbox.empty()
    assert [(run, len(sent)) for run, sent in requests.sent] == [("one", METRICS_AT_ONCE)]
    assert outbox.sent == 0


def test_nothing_waits_without_bounds_for_a_slow_store_and_its_error_comes_out() -> None:
    outbox = outbox_to(Requests(broken=True))
    outbox.put("one", points(1))
    with pytest.raises(ConnectionError, match="no answer"):
        outbox.empty()
    with pytest.raises(ConnectionError, match="no answer"):
        for _ in range(10):
            outbox.put("one", points(METRICS_AT_ONCE))
