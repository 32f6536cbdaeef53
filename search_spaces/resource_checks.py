"""Whether a trial can have what it asks for: processors, a GPU or a fraction of one, a place in a pack."""

from search_spaces.errors import StudyFileError
from search_spaces.schema import Study

LEAST_GPU = 1e-4
"""Ray counts in steps of this size."""


def check_resources(study: Study) -> None:
    """Raises StudyFileError."""
    if study.resources.gpu > 0 and study.training.device == "cpu":
        raise StudyFileError(
            f"resources.gpu is {study.resources.gpu}, but training.device is cpu; write device: auto, or gpu: 0"
        )
    gpu = study.resources.gpu
    if 0 < gpu < LEAST_GPU:
        raise StudyFileError(
            f"resources.gpu is {gpu}; write 0, or at least {LEAST_GPU}, a fraction that Ray tells from 0"
        )
    if gpu > 1 and gpu != int(gpu):
        raise StudyFileError(f"resources.gpu is {gpu}; write a whole number, or a fraction below 1")
    pack = study.resources.pack
    if pack in (None, 1):
        return
    if gpu > 1:
        raise StudyFileError(f"resources.pack is {pack}, but a trial has {gpu:g} GPUs; write gpu: 1, or pack: 1")
    if study.training.compile and pack != "auto":
        raise StudyFileError(
            f"resources.pack is {pack}, but training.compile compiles the steps of one trial; write compile: false, or "
            "pack: 1"
        )
    if pack != "auto" and 0 < min(gpu or 1, study.resources.cpu) / pack < LEAST_GPU:
        raise StudyFileError(f"resources.pack is {pack}; write less, as Ray tells no share below {LEAST_GPU} from 0")
