"""What protocols cost: rounds, elements, bytes and material, predicted by formula or by dry run.

`Cost` counts for one server: rounds between servers, field elements and bytes that it sends to all
other servers together, and the bundles of material that it consumes. Costs of steps one after
another add up with `+`; of independent steps side by side with `|` (`together` merges rounds).

The formulas below are the package's own protocols', in the number of servers n, lengths and bits;
tests compare each with what the network measured. A protocol of one's own has no formula:
`Lab.predict` runs it on shapes alone and says so in the result.

>>> multiply(3, 10) + check_openings(3)
Cost(5 rounds, 42 elements, material: Triples(count=10), ZeroTest(); by formula)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field as dataclass_field, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from mpclab import wire
from mpclab.errors import InputError
from mpclab.network.endpoint import server_name
from mpclab.network.transcript import Transcript
from mpclab.preprocessing.material import InputMasks, OutputMask, Triples, ZeroTest
from mpclab.protocols.arithmetic import MatrixTriples, sorting_network
from mpclab.protocols.comparison import comparison_material
from mpclab.protocols.divide import DivisionTables
from mpclab.protocols.validity import Statement, proof_material
from mpclab.sharing import KeyShare, Share
from mpclab.style import plural

if TYPE_CHECKING:
    from mpclab.field import Field
    from mpclab.party import Settings
    from mpclab.recommender import Parameters

__all__ = [
    "Cost", "DryPool", "check_openings", "comparison", "equal", "floor_divide", "matmul", "maximum",
    "measured", "multiply", "output_to", "receive_input", "recommendation", "reveal", "sort",
    "upload", "upload_of_a_user", "where",
]


@dataclass(frozen=True, repr=False)
class Cost:
    """Rounds, elements and bytes that one server sends, and material that it consumes.

    `bytes` is None where it was not predicted: message headers depend on the labels of steps.
    """

    rounds: int = 0
    elements: int = 0
    material: Counter[Any] = dataclass_field(default_factory=Counter)
    bytes: int | None = None
    source: str = "by formula"

    def __repr__(self) -> str:
        names = ", ".join(
            f"{count} x {spec!r}" if count > 1 else repr(spec)
            for spec, count in self.material.items()
        )
        size = "" if self.bytes is None else f", {self.bytes:,} bytes"
        return (
            f"Cost({plural(self.rounds, 'round')}, {plural(self.elements, 'element')}{size}, "
            f"material: {names or 'none'}; {self.source})"
        )

    def __add__(self, later: Cost) -> Cost:
        return Cost(
            self.rounds + later.rounds,
            self.elements + later.elements,
            self.material + later.material,
        )

    def __or__(self, beside: Cost) -> Cost:
        return Cost(
            max(self.rounds, beside.rounds),
            self.elements + beside.elements,
            self.material + beside.material,
        )

    def same_as(self, other: Cost) -> bool:
        """Whether rounds, elements and material are equal, however they were found."""
        return (self.rounds, self.elements, self.material) == (
            other.rounds, other.elements, other.material,
        )


def one_after_another(costs: Iterable[Cost]) -> Cost:
    """The sum of many costs."""
    return reduce(Cost.__add__, costs, Cost())


def _opening(n: int, elements: int, *specs: Any, rounds: int = 1) -> Cost:
    parts = [part for spec in specs for part in getattr(spec, "parts", (spec,))]
    return Cost(rounds, elements * (n - 1), Counter(parts))


def multiply(n: int, size: int) -> Cost:
    """`multiply` of `size` pairs."""
    return _opening(n, 2 * size, Triples(size))


def matmul(n: int, m: int, k: int, columns: int) -> Cost:
    """`matmul` of (m, k) and (k, columns)."""
    return _opening(n, m * k + k * columns, MatrixTriples(m, k, columns))


def comparison(n: int, field: Field, settings: Settings, size: int, extra_bits: int = 0) -> Cost:
    """`negative` of `size` numbers."""
    spec = comparison_material(
        field, size, settings.bits + extra_bits, settings.comparison, n
    )
    return _opening(n, spec.elements, spec, rounds=spec.rounds)


def equal(n: int, field: Field, settings: Settings, size: int) -> Cost:
    """`equal` of `size` pairs."""
    one = comparison(n, field, settings, size, 1)
    return one | one


def where(n: int, size: int) -> Cost:
    """`where` with `size` results."""
    return multiply(n, size)


def floor_divide(n: int, size: int, divisor: int, bits: int) -> Cost:
    """`floor_divide` of `size` numbers."""
    if divisor == 1:
        return Cost()
    return _opening(n, 2 * size, DivisionTables(size, bits, divisor), rounds=2)


def maximum(
    n: int, field: Field, settings: Settings, rows: int, length: int, index: bool = False
) -> Cost:
    """`maximum` (or `argmax`, with `index`) of `rows` rows of `length` entries."""
    total = Cost()
    while length > 1:
        pairs = rows * (length // 2)
        match = multiply(n, pairs) | multiply(n, pairs) if index else multiply(n, pairs)
        total += comparison(n, field, settings, pairs, 1) + match
        length -= length // 2
    return total


def sort(n: int, field: Field, settings: Settings, rows: int, length: int) -> Cost:
    """`sort` of `rows` rows of `length` entries."""
    return one_after_another(
        comparison(n, field, settings, rows * len(layer), 1) + multiply(n, rows * len(layer))
        for layer in sorting_network(length)
    )


def check_openings(n: int) -> Cost:
    """`check_openings`, its coin committed already."""
    return _opening(n, 1, ZeroTest(), rounds=4)


def reveal(n: int, size: int, unchecked: bool = False) -> Cost:
    """`reveal` of `size` elements; `unchecked`: openings wait for a check."""
    coin = Cost(rounds=1)
    before = coin + check_openings(n) if unchecked else Cost()
    return before + coin + _opening(n, size) + check_openings(n)


def receive_input(n: int, size: int, statement: Statement | None = None) -> Cost:
    """`receive_input` of `size` elements from one client, and of the proof of a statement."""
    plain = Cost(7, 3 * (n - 1), Counter([InputMasks(size), ZeroTest()]))
    if statement is None:
        return plain
    return plain + Cost(statement.rounds + 10, 3 * (n - 1), Counter(proof_material(statement, 1)))


def output_to(n: int, size: int) -> Cost:
    """`output_to` of `size` elements."""
    return Cost(1) + _opening(n, size, OutputMask(size)) + check_openings(n)


def upload(n: int, parameters: Parameters, rows: int) -> Cost:
    """The upload of a block of rows, step R1, if all users tell all servers the same.

    >>> from mpclab.recommender import Parameters
    >>> upload(2, Parameters(10_000, 1_000, validated=False), 10_000).rounds
    7
    >>> upload(2, Parameters(10_000, 1_000), 10_000).rounds  # 11 of them for the proof's coins
    28
    """
    from mpclab.recommender.protocol import upload_material
    from mpclab.recommender.validity import row_statement

    statement = row_statement(parameters) if parameters.validated else None
    masks = Cost(1) + _opening(n, 2 * rows) + check_openings(n) + Cost(1)
    material = Counter(getattr(s, "plain", s) for s in upload_material(statement, rows))
    total = replace(masks, material=material)
    if statement is None:
        return total
    coins = Cost(1 + statement.rounds + 1)
    check = _opening(n, rows) + check_openings(n) + _opening(n, rows, rounds=3)
    return replace(total + coins + check, material=material)


def upload_of_a_user(parameters: Parameters) -> tuple[int, int]:
    """Field elements that one user sends to each server, and receives from each, to upload a row.

    The row and, with a proof, its witnesses and polynomials, and chi; shares of a mask for each of
    them, r_0, and the echo. (Besides, a number that says "sent", and 32 bytes per coin.)

    >>> from mpclab.recommender import Parameters
    >>> upload_of_a_user(Parameters(10_000, 1_000, validated=False))
    (511, 512)
    >>> upload_of_a_user(Parameters(10_000, 1_000))
    (1330, 1331)
    """
    from mpclab.recommender.validity import row_statement

    row = parameters.dense + parameters.packed
    if parameters.validated:
        statement = row_statement(parameters)
        row += statement.witnesses + statement.proof
    return row + 1, row + 2


def recommendation(
    n: int, parameters: Parameters, rows: int, comparison: str = "tables", queries: int = 1
) -> Cost:
    """The online phase of private recommendations over `rows` rows, steps R3 to R8, if all answer.

    `queries` requesters at once share the rounds, and one check. Each of them brings a `ZeroTest`,
    of which one is used and the others are thrown away.

    >>> from mpclab.recommender import Parameters
    >>> recommendation(2, Parameters(10_000, 1_000), 10_000).rounds
    8
    >>> recommendation(2, Parameters(10_000, 1_000, min_neighbours=5), 10_000).rounds
    10
    >>> recommendation(2, Parameters(10_000, 1_000), 10_000, queries=8).rounds
    8
    """
    if queries < 1:
        raise InputError(f"queries is {queries}: it takes 1 or more")
    from mpclab.recommender.protocol import query_material
    from mpclab.recommender.release import rule_comparison

    _, compared, output, *release = query_material(parameters, [(0, rows)], comparison, n)
    length = parameters.outputs
    select = _opening(n, rows)
    if parameters.min_neighbours:
        rule = rule_comparison(parameters, comparison, n)
        select = (select | _opening(n, rule.elements, rounds=rule.rounds)) + Cost(
            1, (length + 1) * (n - 1)
        )
    every = (
        _opening(n, compared.elements, compared, output, *release, rounds=compared.rounds)
        + select
        + _opening(n, length)
    )
    side_by_side = Cost(
        every.rounds,
        every.elements * queries,
        Counter({spec: count * queries for spec, count in every.material.items()}),
    )
    others = Cost(material=Counter({ZeroTest(): queries - 1}))
    return side_by_side + check_openings(n) + others


# -- measuring ----------------------------------------------------------------------------------


class DryPool:
    """A pool that never runs dry: blank material of any spec, and a list of what was taken."""

    def __init__(self, key: KeyShare) -> None:
        self._key = key
        self.taken: Counter[Any] = Counter()

    def require(self, specs: Iterable[Any]) -> None:
        """Everything is there."""

    def count(self, spec: Any) -> int:
        """Nothing is in stock, yet anything can be taken."""
        return 0

    def burn(self, spec: Any, serial: int) -> None:
        """Nothing to burn."""

    def take(self, spec: Any) -> tuple[int, dict[str, Any]]:
        """A blank bundle: all zeros, in the layout of the spec."""
        self.taken[spec] += 1
        return self.taken.total(), blank(spec, self._key)


def blank(spec: Any, key: KeyShare) -> dict[str, Any]:
    """A bundle of zeros."""
    material: dict[str, Any] = {
        e.name: Share(np.zeros((2, *e.shape), np.uint64), key)
        if e.authenticated
        else np.zeros(e.shape, np.uint64)
        for e in spec.layout()
    }
    private = getattr(spec, "private_expected", None)
    if private is not None:
        material["private"] = tuple(wire.zeros(expected) for expected in private(key.field))
    return material


def measured(transcript: Transcript, taken: Mapping[Any, int]) -> Cost:
    """What a dry run cost, for server 0."""
    name = server_name(0)
    return Cost(
        transcript.rounds(),
        transcript.elements_sent(name),
        Counter(taken),
        transcript.bytes_sent(name),
        "by a dry run on shapes",
    )
