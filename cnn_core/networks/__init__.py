"""What is trained: networks u_θ(x, p), fields in x that depend on the parameters p of a problem's family, by name.

Ours are one `LayeredNetwork` each, which takes the fast path. A researcher's own `nn.Module` with `forward(x, p)` works
wherever a network is asked for, by a more general path. A new one is a file here and a line below.
"""

from cnn_core.networks.activations import ACTIVATIONS, Activation
from cnn_core.networks.layered import LayeredNetwork
from cnn_core.networks.parameters import Layout, layout_of, parameter_vector
from cnn_core.networks.perceptrons import Dense, Modulated

NETWORKS = {"dense": Dense, "modulated": Modulated}

Network = Dense | Modulated

__all__ = [
    "ACTIVATIONS",
    "NETWORKS",
    "Activation",
    "Dense",
    "LayeredNetwork",
    "Layout",
    "Modulated",
    "Network",
    "layout_of",
    "parameter_vector",
]
