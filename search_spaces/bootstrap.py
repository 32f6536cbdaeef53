"""Training data drawn anew, to see what their errors do to whatever is learned from them: the bootstrap.

* `rows`: of every wave as many rows as it has, drawn with replacement (Efron 1979). It needs to know no errors.
* `errors`: every value with one more error of measurement, normal with its standard deviation (randomised maximum
  likelihood: Oliver, He & Reynolds 1996). It asks for the standard deviations of all values.

What is learned with many seeds, each of which draws its own data, spreads as it would over as many repetitions of the
measurements, as far as what is learned follows its data linearly: a standard error, of data and training together.
"""

import math
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from search_spaces.errors import StudyFileError
from search_spaces.observations import Observations

Bootstrap = Literal["rows", "errors"]

SEED = 1_651_470_964
"""Added to the seed, so that what is drawn here is not what draws the points. Another would draw other data."""


def drawn_anew(found: Observations, wave: Tensor, bootstrap: Bootstrap, *, seed: int) -> Observations:
    """The observations of one more measurement, where row n is of the wave `wave[n]`, (N,) from 0 on.

    Raises StudyFileError where the standard deviation of a value is not known and `errors` ask for it.
    """
    generator = torch.Generator().manual_seed(SEED + seed)
    if bootstrap == "rows":
        return found.at(_with_replacement(wave, generator))
    if found.deviation is None or (found.deviation.isnan() & ~found.u.isnan()).any():
        raise StudyFileError(
            "bootstrap is errors, and not every value has a standard deviation; add columns like u_error, or take rows"
        )
    noise = torch.randn(found.u.shape, generator=generator, dtype=found.u.dtype)
    # with its own error and this one
    return replace(found, u=found.u + found.deviation * noise, deviation=math.sqrt(2) * found.deviation)


def _with_replacement(wave: Tensor, generator: torch.Generator) -> Tensor:
    """Rows (N,), as many of each wave as there are, in their order."""
    drawn = torch.empty_like(wave)
    for index in range(int(wave.max()) + 1):
        (rows,) = (wave == index).nonzero(as_tuple=True)
        drawn[rows] = rows[torch.randint(len(rows), (len(rows),), generator=generator)]
    return drawn.sort().values
