"""Modules of a study's own end with the test that brought them."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from search_spaces import modules


@pytest.fixture(autouse=True)
def own_modules_belong_to_one_test() -> Iterator[None]:
    """Where a test's study files lie, and which modules they brought, is nothing to the next test."""
    states: list[Any] = [modules.folders, modules.checked, modules.found, sys.path]
    before, known, loaded = [state.copy() for state in states], modules.found.copy(), set(sys.modules)
    yield
    for name in set(sys.modules) - loaded:
        if name.partition(".")[0] in modules.found - known:
            del sys.modules[name]
    for state, kept in zip(states, before, strict=True):
        state.clear()
        state.extend(kept) if isinstance(state, list) else state.update(kept)
