"""The command `cnn-study` begins here, where no other file can take its place: a `study.py` on PYTHONPATH could.

What is imported by the name of one of our packages must be ours, in this process and in all that it starts. Where
something else comes first, that is said, and what to do.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("cnn_core", "search_spaces", "study")

BAD_INPUT = 2


def main() -> None:
    """Entry point. Exits with 2 where the name of a package of ours is taken."""
    if wrong := taken():
        print(f"error: {wrong}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    from study.cli.main import main

    main()


def taken() -> str | None:
    """What takes the name of one of our packages, and what to do; None if nothing does."""
    here = Path(__file__).resolve().parent
    for name in PACKAGES:
        spec = find_spec(name)
        places = [spec.origin, *(spec.submodule_search_locations or ())] if spec is not None else []
        place = next((Path(place).resolve() for place in places if place is not None), here / name)
        if place not in (here / name / "__init__.py", here / name):
            return (
                f"{place} has the name of cnn-study's own package {name}, and Python finds it first; give it another "
                f"name, or take {place.parent if place.name != '__init__.py' else place.parents[1]} out of PYTHONPATH"
            )
    return None


if __name__ == "__main__":
    main()
