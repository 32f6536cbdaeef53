"""The chain rule to any order: Faà di Bruno's formula, as one table that a pass and its transpose both read.

For derivatives ∂^α by a multi-index α, with the sum over the partitions π of α's axes into blocks B,

    ∂^α φ(a) = Σ_π φ^(|π|)(a) Π_{B ∈ π} ∂^B a,

so what is carried along with ∂^α a is every ∂^β a with β inside of α. Equal terms are counted once, with their number.

Reference: Hardy 2006, "Combinatorics of partial derivatives", Electronic Journal of Combinatorics 13.

Axis names: S streams, N points, W width, Q quantities.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from cnn_core.derivatives import MultiIndex


class Term(NamedTuple):
    """`count` · φ^(order) · the product of the streams `factors`."""

    count: int
    order: int
    factors: tuple[int, ...]


Polynomial = tuple[Term, ...]
"""A sum of terms."""


@dataclass(frozen=True)
class ChainRule:
    """How an activation acts on the streams ∂^α a, α in `indices`, the value first.

    `polynomials` are those of the outgoing streams; `slopes[out]` has those of their derivatives by each incoming
    stream that they depend on, φ^(k) counting as independent of the value. `products` is Leibniz's rule for the same
    streams: (stream of a product, of its left and of its right factor, how often).
    """

    indices: tuple[MultiIndex, ...]
    polynomials: tuple[Polynomial, ...]
    slopes: tuple[tuple[tuple[int, Polynomial], ...], ...]
    products: tuple[tuple[int, int, int, int], ...]

    @property
    def order(self) -> int:
        """The highest order of a derivative that is carried."""
        return len(self.indices[-1])


def chain_rule(read: Iterable[MultiIndex]) -> ChainRule:
    """The chain rule for these derivatives and all that they need, by rising order."""
    within = {index for one in read for size in range(len(one) + 1) for index in itertools.combinations(one, size)}
    indices = tuple(sorted(within | {()}, key=lambda index: (len(index), index)))
    position = {index: place for place, index in enumerate(indices)}
    polynomials = tuple(_polynomial(index, position) for index in indices)
    slopes = tuple(tuple(_derivatives(one)) for one in polynomials)
    products = tuple(share for index in indices for share in _products(index, position))
    return ChainRule(indices, polynomials, slopes, products)


def activate(streams: Tensor, phi: Sequence[Tensor], rule: ChainRule) -> Tensor:
    """Streams (S, N, W) behind an activation, from φ, φ' … φ^(n) at the value."""
    return torch.stack([_sum(polynomial, phi, streams) for polynomial in rule.polynomials])


def pull_back(weights: Tensor, streams: Tensor, phi: Sequence[Tensor], rule: ChainRule) -> Tensor:
    """The transpose of `activate` at `streams` (S, N, 1, W): weights (S, N, Q, W) of what left → those of what entered.

    From φ, φ' … φ^(n+1) at the value, each of which depends on the value alone.
    """
    on_streams: list[list[Tensor]] = [[] for _ in rule.indices]
    for polynomial, slopes, weight in zip(rule.polynomials, rule.slopes, weights, strict=True):
        on_streams[0].append(_sum(polynomial, phi[1:], streams) * weight)
        for stream, slope in slopes:
            on_streams[stream].append(_sum(slope, phi, streams) * weight)
    return torch.stack([sum(shares[1:], shares[0]) for shares in on_streams])


def _sum(polynomial: Polynomial, phi: Sequence[Tensor], streams: Tensor) -> Tensor:
    first, *others = polynomial
    total = _product(first, phi, streams)
    for term in others:
        total = total + _product(term, phi, streams)
    return total


def _product(term: Term, phi: Sequence[Tensor], streams: Tensor) -> Tensor:
    product = phi[term.order] if term.count == 1 else term.count * phi[term.order]
    for factor in term.factors:
        product = product * streams[factor]
    return product


def _polynomial(index: MultiIndex, position: dict[MultiIndex, int]) -> Polynomial:
    terms = Counter(tuple(sorted(position[block] for block in partition)) for partition in _partitions(index))
    return tuple(Term(count, len(factors), factors) for factors, count in sorted(terms.items()))


def _products(index: MultiIndex, position: dict[MultiIndex, int]) -> Iterator[tuple[int, int, int, int]]:
    """How an index is shared out between the two factors of a product."""
    shared: Counter[tuple[int, int]] = Counter()
    for taken in itertools.product((True, False), repeat=len(index)):
        left = tuple(itertools.compress(index, taken))
        right = tuple(itertools.compress(index, (not one for one in taken)))
        shared[position[left], position[right]] += 1
    for (left, right), count in sorted(shared.items()):
        yield position[index], left, right, count


def _partitions(axes: MultiIndex) -> Iterator[list[MultiIndex]]:
    """All partitions of these axes, which count as different even if they are equal, into blocks."""
    if not axes:
        yield []
        return
    first, *others = axes
    for partition in _partitions(tuple(others)):
        yield [(first,), *partition]
        for place, block in enumerate(partition):
            yield [*partition[:place], (first, *block), *partition[place + 1 :]]


def _derivatives(polynomial: Polynomial) -> Iterator[tuple[int, Polynomial]]:
    """∂/∂(stream) of a polynomial, for each stream that it has as a factor."""
    for stream in sorted({factor for term in polynomial for factor in term.factors}):
        yield stream, tuple(_by(term, stream) for term in polynomial if stream in term.factors)


def _by(term: Term, stream: int) -> Term:
    factors = list(term.factors)
    times = factors.count(stream)
    factors.remove(stream)
    return Term(times * term.count, term.order, tuple(factors))
