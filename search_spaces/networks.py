"""From a study file's `network` block to a network: ours by name, or anyone's by `package.module:attribute`.

A network of one's own is a class or a function that is called with `inputs`, `parameters`, `outputs`, with `seed`,
`box` and `coordinates` if it takes them, and with the options that stand beside its name. It returns an `nn.Module`
with `forward(x (N, D), p (N, K)) → (N, O)`. torch's generator is seeded while it is made.
"""

from dataclasses import dataclass
from typing import Any, Unpack

from cnn_core.construction import seeded
from cnn_core.networks import Description, Network, Shape
from search_spaces.errors import StudyFileError
from search_spaces.own import call, import_named, parameters_of
from search_spaces.schema import NetworkChoice

IF_ASKED = ("seed", "box", "coordinates")
"""What a network of one's own gets only where it has a parameter of that name."""


def build_network(choice: Network | NetworkChoice) -> Description:
    """The description of the chosen network; one of one's own is imported when it is built."""
    return OwnNetwork(choice) if isinstance(choice, NetworkChoice) else choice


@dataclass(frozen=True)
class OwnNetwork:
    """A network of one's own."""

    choice: NetworkChoice

    def build(self, **shape: Unpack[Shape]) -> Any:
        """As in `Description`. Raises StudyFileError where it cannot be made, or is no network for this shape."""
        name, options = self.choice.name, self.choice.options
        found = import_named(name, "network")
        if not callable(found) or hasattr(type(found), "forward"):  # what is a module already has no seed
            kind = type(found).__name__
            raise StudyFileError(f"network.name: {name} is a {kind}; name a class, or a function that returns a module")
        named = parameters_of(found, name, "network")
        given = {key: value for key, value in shape.items() if key not in IF_ASKED or key in named}
        try:
            return seeded(lambda: call(found, name, "network", options, given), shape, name=name)
        except StudyFileError:
            raise
        except ValueError as error:
            raise StudyFileError(f"network.name: {error}") from None
