"""The kinds of trials that a study has: contestants, and methods that are searched."""

from search_spaces.contestants import plain_studies
from search_spaces.load import resolve
from search_spaces.schema import Choice, Study

METHOD = "training.method.name"


def trials_of(study: Study) -> dict[str, Study]:
    """A trial of every contestant, or of every method that is searched, with the other values of the file."""
    trials: dict[str, Study] = {}
    for contestant, plain in plain_studies(study).items():
        among = plain.search[METHOD].distribution if METHOD in plain.search else None
        methods = among.values if isinstance(among, Choice) else (plain.training.method.name,)
        for method in methods:
            name = " ".join(dict.fromkeys(str(part) for part in (contestant, method) if part is not None))
            trials[name] = resolve(plain, {METHOD: method} if isinstance(among, Choice) else {})
    return trials
