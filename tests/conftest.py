"""What all tests share: one torch thread, the same examples in every run, and no module of an earlier test's study.

Ctrl-C ends programs, also those of tests that a script starts in the background, where shells let it be ignored.
"""

import os
import signal

import torch
from hypothesis import settings

from tests.own_modules import own_modules_belong_to_one_test

__all__ = ["own_modules_belong_to_one_test"]

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

torch.set_num_threads(1)
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("deterministic", derandomize=True, deadline=None, database=None, max_examples=50)
settings.load_profile("deterministic")
