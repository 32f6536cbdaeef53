"""What all tests share: one torch thread, the same examples in every run, and nothing of the test before."""

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import settings

from search_spaces import modules

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

torch.set_num_threads(1)

settings.register_profile("deterministic", derandomize=True, deadline=None, database=None, max_examples=50)
settings.load_profile("deterministic")


@pytest.fixture(autouse=True)
def own_modules_belong_to_one_test() -> Iterator[None]:
    """Where a test's study files lie, and which modules they brought, is nothing to the next test."""
    states: list[Any] = [modules.folders, modules.checked, modules.found, sys.path]
    before, known = [state.copy() for state in states], modules.found.copy()
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] in modules.found - known]:
        del sys.modules[name]
    for state, kept in zip(states, before, strict=True):
        state.clear()
        state.extend(kept) if isinstance(state, list) else state.update(kept)
