"""What is trained: networks u_θ(x, p), fields in x that depend on the parameters p of a problem's family, by name.

Ours are one `LayeredNetwork` each, which takes the fast path. A researcher's own `nn.Module` with `forward(x, p)` works
wherever a network is asked for, by a more general path. A new one is a file here and a line below.
"""

from cnn_core.networks.activations import ACTIVATIONS, Activation
from cnn_core.networks.hard_values import HardValues
from cnn_core.networks.layered import LayeredNetwork
from cnn_core.networks.parameters import Layout, layout_of, parameter_vector
from cnn_core.networks.perceptrons import Dense, Description, Fourier, Modulated, Network, Shape, Siren

NETWORKS = {"dense": Dense, "modulated": Modulated, "siren": Siren, "fourier": Fourier}

__all__ = [
    "ACTIVATIONS",
    "NETWORKS",
    "Activation",
    "Dense",
    "Description",
    "Fourier",
    "HardValues",
    "LayeredNetwork",
    "Layout",
    "Modulated",
    "Network",
    "Shape",
    "Siren",
    "layout_of",
    "parameter_vector",
]
