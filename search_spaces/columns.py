"""Which of a file's columns is what of a problem: its coordinates, parameters, outputs, and the errors of outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from search_spaces.errors import StudyFileError, nearest
from search_spaces.tables import listed

ERROR = "_error"

NEAR = 0.9
"""From this similarity on a name that is not known is taken for a misspelt one."""

OTHER_WORDS = ("err", "std", "sd", "se", "stderr", "sigma", "dev", "deviation", "uncertainty", "unc")
"""What people write behind an output's name, or before it, for its standard deviations."""


@dataclass(frozen=True)
class Wanted:
    """The names of a problem, and what a file calls them."""

    coordinates: tuple[str, ...]
    parameters: tuple[str, ...]
    outputs: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...] = ()
    """(The file's name, the problem's name)."""

    @property
    def deviations(self) -> Mapping[str, str]:
        """Output → its column of standard deviations; none where that is a name of the problem's own."""
        taken = {*self.coordinates, *self.parameters, *self.outputs}
        return {name: f"{name}{ERROR}" for name in self.outputs if f"{name}{ERROR}" not in taken}

    def found_in(self, names: Sequence[str]) -> dict[str, str]:
        """The problem's name → the file's, of the columns that there are and that are of use.

        Raises StudyFileError where one is missing, or is there twice.
        """
        known = [*self.coordinates, *self.parameters, *self.outputs, *self.deviations.values()]
        self._check_renaming(names, known)
        renamed, found = dict(self.renamed), {}
        for name in names:
            own = renamed.get(name, name)
            if own in found:
                twice = (
                    f"there are two columns {name}" if name == found[own] else f"{found[own]} and {name} are both {own}"
                )
                raise StudyFileError(f"{twice}; keep one, or give the other another name")
            if own in known:
                found[own] = name
        self._check_complete(found, names)
        return found

    def _check_renaming(self, names: Sequence[str], known: Sequence[str]) -> None:
        for name, own in self.renamed:
            if name not in names:
                raise StudyFileError(f"columns.{name}: there is no column {name}; {nearest(name, names)}")
            if own not in known:
                raise StudyFileError(f"columns.{name} is {own}, which is none of the problem; {nearest(own, known)}")

    def _check_complete(self, found: Mapping[str, str], names: Sequence[str]) -> None:
        there = f"(there are {listed(names)})"
        for name in (*self.coordinates, *self.parameters):
            if name in self.coordinates and name not in found:
                raise StudyFileError(
                    f"column {name} is missing {there}; give one this name, or write columns: {{ITS NAME: {name}}}"
                )
            if name not in found and (beside := [other for other in self.parameters if other in found]):
                raise StudyFileError(
                    f"column {name} is missing {there}: {beside[0]}, too, is a parameter; write all of them or none"
                )
        if not any(name in found for name in self.outputs):
            wanted = " or ".join(self.outputs)
            raise StudyFileError(
                f"no output is observed {there}; write a column {wanted}, or columns: {{ITS NAME: {self.outputs[0]}}}"
            )
        for name, error in self.deviations.items():
            if error in found and name not in found:
                raise StudyFileError(f"column {name} is missing {there}, whose deviations {error} are; write it, too")
        self._check_misspelt(found, names)

    def _check_misspelt(self, found: Mapping[str, str], names: Sequence[str]) -> None:
        """No column of deviations is ignored for its spelling; those of a column that nobody wants may be."""
        lacking = [error for name, error in self.deviations.items() if name in found and error not in found]
        in_other_words = {
            other: error
            for error in lacking
            for name in {error.removesuffix(ERROR), found[error.removesuffix(ERROR)]}
            for word in OTHER_WORDS
            for other in (f"{name}_{word}", f"{word}_{name}")
        }
        of_others = {f"{name}{ERROR}" for name in names}
        for name in (one for one in names if one not in found.values() and one not in of_others):
            known = in_other_words.get(name)
            if near := [known] if known else get_close_matches(name, lacking, 1, NEAR):
                raise StudyFileError(
                    f"column {name} would be ignored, and is hardly meant to be; call it {near[0]}, or write columns: "
                    f"{{{name}: {near[0]}}}; if it holds something else, call it so"
                )
