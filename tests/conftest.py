"""What all tests share: one torch thread and the same examples in every run."""

import os

import torch
from hypothesis import settings

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

torch.set_num_threads(1)

settings.register_profile("deterministic", derandomize=True, deadline=None, database=None, max_examples=50)
settings.load_profile("deterministic")
