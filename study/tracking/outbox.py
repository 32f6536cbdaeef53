"""Metrics on their way to MLflow: gathered by run, and sent in full requests, several of them at once."""

from collections import defaultdict, deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from study.tracking.store import METRICS_AT_ONCE, MetricPoint, Store


class Outbox:
    """What was put in is in `store` once `empty` returns. `sent` counts what left it since then."""

    def __init__(self, store: Store) -> None:
        self.sent = 0
        self._store = store
        self._waiting: defaultdict[str, list[MetricPoint]] = defaultdict(list)
        self._pool = ThreadPoolExecutor(store.requests_at_once)
        self._sending: deque[Future[None]] = deque()

    def put(self, run: str, points: Iterable[MetricPoint]) -> None:
        """Send a run's metrics when there are enough of them for a full request."""
        self._waiting[run] += points
        if len(self._waiting[run]) >= METRICS_AT_ONCE:
            self._send(run)

    def empty(self) -> None:
        """Send all that waits. Raises what the store raised."""
        for run in list(self._waiting):
            self._send(run)
        while self._sending:
            self._sending.popleft().result()
        self.sent = 0

    def _send(self, run: str) -> None:
        points = self._waiting.pop(run)
        self._sending.append(self._pool.submit(self._store.add, run, points))
        self.sent += len(points)
        if len(self._sending) > 2 * self._store.requests_at_once:
            self._sending.popleft().result()
