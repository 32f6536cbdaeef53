"""The steps of `benchmarks.multipliers` as a user of JAX would write them: jit of vmap(grad), residual by nested jvp.

JAX is an extra (`pip install -e ".[bench]"`). It is held to one core: XLA's own threads are switched off here, and
`benchmarks.multipliers` pins the process before JAX starts.
"""

import os
from collections.abc import Callable

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.problems import PointSet

DAMPING = 1e-6
RATE, FADE_FIRST, FADE_SECOND, EPSILON = 1e-3, 0.9, 0.999, 1e-8


def available() -> bool:
    """Whether JAX can be imported; from then on it has one core."""
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    try:
        import jax  # noqa: F401 # pyright: ignore[reportMissingImports]
    except ImportError:
        return False
    return True


def step(scope: str, model: ConstrainedNetwork, points: PointSet) -> Callable[[], object]:
    """One call of `scope`: `soft` is loss and gradient, `sample` and `batch` are whole steps with Adam's update."""
    import jax  # pyright: ignore[reportMissingImports]
    import jax.numpy as jnp  # pyright: ignore[reportMissingImports]
    from jax.flatten_util import ravel_pytree  # pyright: ignore[reportMissingImports]

    jax.config.update("jax_enable_x64", points.x.dtype.itemsize == 8)
    named = {name: jnp.asarray(value.detach().numpy()) for name, value in model.network.named_parameters()}
    theta, unravel = ravel_pytree(named)
    layers = sum(name.startswith("hidden") for name in named) // 2
    x, p, u = (jnp.asarray(tensor.numpy()) for tensor in (points.x[:, 0], points.p, points.u[:, 0]))

    def network(theta, x, p):
        named = unravel(theta)
        rates = jnp.split(named["modulation.weight"] @ p + named["modulation.bias"], layers)
        hidden = x[None]
        for index, rate in enumerate(rates):
            hidden = rate * jax.nn.silu(named[f"hidden.{index}.weight"] @ hidden + named[f"hidden.{index}.bias"])
        return (named["output.weight"] @ hidden + named["output.bias"])[0]

    def terms(theta, x, p, u):
        """A point's data loss and scaled Helmholtz residual."""

        def value(x):
            return network(theta, x, p)

        def slope(x):
            return jax.jvp(value, (x,), (1.0,))[1]

        wavenumber = 2 * jnp.pi * p[1]
        residual = jax.jvp(slope, (x,), (1.0,))[1] / wavenumber**2 + value(x)
        return (value(x) - u) ** 2, residual

    def soft_loss(theta, x, p, u):
        losses, residuals = jax.vmap(terms, (None, 0, 0, 0))(theta, x, p, u)
        return losses.mean() + jnp.square(residuals).mean()

    def rows(theta, x, p, u):
        """Per-point gradients of loss and residual, and the residuals."""
        both = jax.vmap(jax.value_and_grad(lambda *point: terms(*point)[1]), (None, 0, 0, 0))(theta, x, p, u)
        return jax.vmap(jax.grad(lambda *point: terms(*point)[0]), (None, 0, 0, 0))(theta, x, p, u), both[1], both[0]

    def sample(theta, x, p, u):
        losses, jacobian, residuals = rows(theta, x, p, u)
        multipliers = (residuals - (jacobian * losses).sum(1)) / jnp.square(jacobian).sum(1)
        return losses.mean(0) + multipliers @ jacobian / len(x)

    def batch(theta, x, p, u):
        gradient = jax.grad(lambda theta: jnp.square(jax.vmap(network, (None, 0, 0))(theta, x, p) - u).mean())(theta)
        residuals, jacobian = jax.vmap(jax.value_and_grad(lambda *point: terms(*point)[1]), (None, 0, 0, 0))(
            theta, x, p, u
        )
        gram = jacobian @ jacobian.T
        gram = gram + DAMPING * jnp.trace(gram) / len(x) * jnp.eye(len(x))
        factor = jax.scipy.linalg.cho_factor(gram)
        return gradient + jax.scipy.linalg.cho_solve(factor, residuals - jacobian @ gradient) @ jacobian

    direction = {"soft": jax.grad(soft_loss), "sample": sample, "batch": batch}[scope]

    def adam(theta, first, second, count, x, p, u):
        gradient = direction(theta, x, p, u)
        first = FADE_FIRST * first + (1 - FADE_FIRST) * gradient
        second = FADE_SECOND * second + (1 - FADE_SECOND) * gradient**2
        size = jnp.sqrt(second / (1 - FADE_SECOND**count)) + EPSILON
        return theta - RATE * first / (1 - FADE_FIRST**count) / size, first, second, count + 1

    if scope == "soft":
        compiled = jax.jit(direction)
        return lambda: jax.block_until_ready(compiled(theta, x, p, u))
    compiled = jax.jit(adam)
    state = (theta, jnp.zeros_like(theta), jnp.zeros_like(theta), 1.0)
    return lambda: jax.block_until_ready(compiled(*state, x, p, u))
