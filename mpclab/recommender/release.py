"""What a result passes before it leaves: noise that nobody knows, and the minimum of neighbours.

Both are off by default, and then nothing here runs. The steps are those of `protocol`:

    R5  + e, with noise: y = (T, L) + (B + e). The dealer shared it before any input was there;
        to add it is local. B is public and keeps every packed number at 0 or above;
    R5a with `min_neighbours` = m: c = [L >= m], for L with its noise; beside the opening of R5,
        for L needs only the b_j;
    R5b c y for every element of y, with one matrix triple: open c - a and y - u, then R6 for c y.

Servers learn nothing: c is never opened, and a - c, y - u and what the comparison opens are masked
by uniform elements that nobody knows. All of it is under the MAC check R7. The requester learns
y if c = 1, and else zeros, that is no more than L < m. With noise c is a function of the noisy L,
so that it costs no privacy beside what L costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpclab.field import Elements, Field
from mpclab.party import Party
from mpclab.preprocessing.material import Entry, Material, Memory, Spec, Values
from mpclab.protocols.arithmetic import MatrixTriples, matmul
from mpclab.protocols.comparison import ComparisonMaterial, comparison_material, is_negative
from mpclab.randomness import Stream, digest
from mpclab.recommender.encoding import Parameters
from mpclab.recommender.noise import draw
from mpclab.sharing import Share

__all__ = [
    "OutputNoise",
    "enough_neighbours",
    "received",
    "release_material",
    "rule_comparison",
    "take_noise",
    "withhold",
]


@dataclass(frozen=True)
class OutputNoise(Material):
    """Noise <B + e> for one result, packed as the result is, that only the dealer knows.

    It is drawn from a seed that is uniform for all but one of the servers, and for the clients. An
    honest dealer is needed: whoever knows the noise can take it off.

    >>> from mpclab.recommender import Noise
    >>> OutputNoise(Parameters(9, 6, 2, min_dense=1, noise=Noise(1.0))).layout()[1].shape
    (3,)
    """

    parameters: Parameters

    def __repr__(self) -> str:
        return f"OutputNoise({self.parameters.noise!r} on {self.parameters.outputs} elements)"

    def layout(self) -> tuple[Entry, ...]:
        """A seed of 256 bits or more, and the noise."""
        bits = self.parameters.modulus.bit_length() - 1
        return (
            Entry("seed", (-(-256 // bits),), uniform=True, authenticated=False),
            Entry("noise", (self.parameters.outputs,)),
        )

    def derive(self, field: Field, uniform: Values, memory: Memory) -> Values:
        """The noise: see `mpclab.recommender.noise`."""
        p = self.parameters
        assert p.calibration is not None
        stream = Stream(digest(b"mpclab output noise", uniform["seed"].tobytes()))
        sums, counts, neighbours = draw(p.calibration, p.scored, stream)
        last = np.array([neighbours + p.neighbours_bound], np.uint64)
        return {"noise": np.concatenate([p.packing.pack_noise(sums, counts), last])}


def rule_comparison(
    parameters: Parameters, method: str = "tables", servers: int | None = None
) -> ComparisonMaterial:
    """What comparing L with m takes.

    >>> rule_comparison(Parameters(users=10_000, items=6, dense=2, min_dense=1, min_neighbours=3))
    SignTables(count=1, bits=15)
    """
    field = Field(parameters.modulus)
    return comparison_material(field, 1, parameters.count_bits, method, servers)


def release_material(
    parameters: Parameters, comparison: str = "tables", servers: int | None = None
) -> tuple[Spec, ...]:
    """What one query takes for noise and rule; nothing if both are off.

    >>> release_material(Parameters(users=9, items=6, dense=2, min_dense=1, min_neighbours=3))
    (SignTables(count=1, bits=5), MatrixTriples(m=2, k=1, n=1))
    """
    specs: tuple[Spec, ...] = ()
    if parameters.noise is not None:
        specs += (OutputNoise(parameters),)
    if parameters.min_neighbours:
        triple = MatrixTriples(parameters.outputs, 1, 1)
        specs += (rule_comparison(parameters, comparison, servers), triple)
    return specs


def take_noise(party: Party, parameters: Parameters) -> Share:
    """R5: <B + e>, of shape (L,), to be added to a result; zeros if there is to be no noise."""
    if parameters.noise is None:
        return Share(party.field.zeros((2, parameters.outputs)), party.key)
    noise: Share = party.take(OutputNoise(parameters))["noise"]
    return noise


async def enough_neighbours(party: Party, parameters: Parameters, neighbours: Share) -> Share:
    """R5a: a shared bit c = [L >= m] of shape (), for <L> of shape (), its noise (and B) included.

    Cost: that of one comparison of `count_bits` bits.
    """
    least = parameters.min_neighbours + parameters.neighbours_bound
    spec = rule_comparison(parameters, party.settings.comparison, party.n)
    below = await is_negative(party, (neighbours - least).reshape(1), spec)
    return (1 - below).reshape()


async def withhold(party: Party, y: Share, enough: Share) -> Share:
    """R5b: c y, of shape (L,).

    Cost: 1 round; L + 1 elements per server; `MatrixTriples(L, 1, 1)`.
    """
    product = await matmul(party, y.reshape(y.size, 1), enough.reshape(1, 1))
    return product.reshape(y.size)


def received(parameters: Parameters, y: Elements) -> tuple[Elements, int]:
    """R8: packed totals and L from what the requester got; L < m says that it was withheld."""
    return y[:-1], int(y[-1]) - parameters.neighbours_bound
