"""Testing privacy: whether a coalition's view tells apart two inputs with the same output.

A protocol is private if what a coalition holds and receives can be simulated from its own inputs
and outputs. So for two inputs of honest parties with the same output the view must have the same
distribution. `compare_views` runs a protocol many times with each and compares the two samples with
two-sample Kolmogorov-Smirnov tests: every value received, every value that was opened, and the sums
and differences of every two opened ones (a mask used twice hides each value, but not their
difference). Of a longer array the first 256 entries are compared, of an opened one the first 8 in
pairs.

A test can only find leaks, never prove that there are none; a proof sketch stands with each
protocol.

>>> from mpclab import multiply, reveal
>>> async def product(party, x, y):
...     return await reveal(party, await multiply(party, x, y))
>>> compare_views(product, [[6], [2]], [[3], [4]], servers=2, coalition=[1], runs=60).passed
True
>>> async def leaky(party, x, y):
...     await party.open_masked(x, "oops")  # not masked at all
...     return await reveal(party, await multiply(party, x, y))
>>> report = compare_views(leaky, [[6], [2]], [[3], [4]], servers=2, coalition=[1], runs=60)
>>> report.passed, report.worst["values"]
(False, 'opened leaky/oops, 0')
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mpclab.errors import InputError
from mpclab.field import MERSENNE_61, Field
from mpclab.lab import Lab
from mpclab.network.endpoint import server_name
from mpclab.views import messages

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "compare_views"]

_OPENED = "opened"
Sample = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Comparison:
    """The outcome of `compare_views`.

    Attributes
    ----------
    frame : DataFrame
        One row per comparison: which values, the statistic and its p-value.
    error : float
        The probability that a private protocol fails the whole test (Bonferroni).
    """

    frame: pd.DataFrame
    error: float

    @property
    def passed(self) -> bool:
        """Whether no comparison is significant at `error` divided by their number."""
        return bool(self.frame["p"].min() > self.error / len(self.frame))

    @property
    def worst(self) -> pd.Series:
        """The comparison with the smallest p-value."""
        return self.frame.iloc[int(self.frame["p"].argmin())]

    def __repr__(self) -> str:
        worst = self.worst
        return (
            f"Comparison({'passed' if self.passed else 'FAILED'}: {len(self.frame)} comparisons, "
            f"smallest p = {worst['p']:.2g} at {worst['values']!r}, error {self.error:g})"
        )


def compare_views(
    protocol: Callable[..., Any],
    first: Sequence[npt.ArrayLike],
    second: Sequence[npt.ArrayLike],
    *,
    servers: int = 2,
    coalition: Sequence[int] = (1,),
    runs: int = 150,
    error: float = 1e-6,
    seed: int = 0,
    **settings: Any,
) -> Comparison:
    """Compare a coalition's views of a protocol on two inputs with the same output.

    Parameters
    ----------
    protocol : async function
        As for `Lab.run`; its arguments are secrets.
    first, second : sequences of arrays
        Two sets of arguments of the same shapes, for which the coalition may learn the same.
    servers, coalition
        How many servers, and which of them look at their messages together.
    runs : int
        Runs with each input. A constant that depends on the input is found from about 30.
    error : float
        The probability that a private protocol fails.
    seed : int
        Each run has a seed of its own, derived from this one: the test is reproducible.
    settings
        Further parameters of `Lab`, such as modulus or comparison.

    Raises
    ------
    InputError
        If the inputs have different shapes or the protocol's results differ.
    """
    from importlib import import_module

    import pandas as pd

    try:
        ks_2samp = import_module("scipy.stats").ks_2samp
    except ImportError:
        raise InputError(
            "comparing views takes SciPy: install mpclab[lab], or scipy alone"
        ) from None
    members = set(coalition)
    if not members or not members < set(range(servers)):
        raise InputError(
            f"the coalition is {sorted(members)}: some, but not all, of the servers 0 to "
            f"{servers - 1}"
        )
    if runs < 10:
        raise InputError(f"runs is {runs}: it takes at least 10 with each input")
    if [np.shape(x) for x in first] != [np.shape(x) for x in second]:
        raise InputError("the two inputs have different shapes, which everybody can see")
    samples = []
    results = []
    for k, inputs in enumerate((first, second)):
        views, outputs = zip(
            *(
                _view(protocol, inputs, servers, coalition, 2 * (seed + 1_000 * run) + k, settings)
                for run in range(runs)
            ),
            strict=True,
        )
        samples.append(_table(views))
        results.append(outputs[0])
    if repr(results[0]) != repr(results[1]):
        raise InputError(
            f"the results {results[0]!r} and {results[1]!r} differ, so the views may: take inputs "
            "with the same output"
        )
    (names, a), (_, b) = samples
    rows = []
    field = Field(settings.get("modulus", MERSENNE_61))
    for what, x, y in _pairs(field, names, a, b):
        # signed, so that small numbers keep their differences as floats
        test = ks_2samp(field.signed(x), field.signed(y), method="asymp")
        rows.append((what, float(test.statistic), float(test.pvalue)))
    return Comparison(pd.DataFrame(rows, columns=["values", "statistic", "p"]), error)


def _view(
    protocol: Callable[..., Any],
    inputs: Sequence[npt.ArrayLike],
    servers: int,
    coalition: Sequence[int],
    seed: int,
    settings: dict[str, Any],
) -> tuple[dict[str, int], Any]:
    """One run: everything that the coalition received, as field elements, and the result."""
    lab = Lab(servers, seed=seed, **settings)
    secrets = [lab.god.secret(x) for x in inputs]
    result = lab.run(protocol, *secrets)
    if hasattr(result, "reveal"):
        result = None  # a secret: the coalition learns nothing from it
    members = {server_name(i) for i in coalition}
    numbers: dict[str, int] = {}
    opened: dict[tuple[Any, ...], dict[str, Any]] = {}
    for m in messages(lab, None):
        if m.phase == "preprocess" or not members & {m.party, m.sender}:
            continue
        if m.kind == "open":
            opened.setdefault((m.session, m.step, m.round, m.part), {})[str(m.sender)] = m.value
        if m.party in members:
            for i, number in enumerate(_numbers(m.value, lab.field.modulus)):
                _put(numbers, f"{m.step}: {m.kind} from {m.sender}, {i}", number)
    for (_, step, _, _), shares in opened.items():  # what the shares of an opening add up to
        value = lab.field.sum(np.stack(list(shares.values())), axis=0)
        for i, number in enumerate(_numbers(value, lab.field.modulus)):
            _put(numbers, f"{_OPENED} {step}, {i}", number)
    return numbers, result


def _put(numbers: dict[str, int], name: str, number: int) -> None:
    """File under a name that is not taken yet: a step may occur more than once."""
    count, unique = 1, name
    while unique in numbers:
        count, unique = count + 1, f"{name} (time {count + 1})"
    numbers[unique] = number


def _numbers(value: Any, modulus: int) -> list[int]:
    """A received part as elements of F_p: byte strings by first bytes, arrays by 256 entries."""
    if isinstance(value, bytes):
        return [int.from_bytes(value[:8], "little") % modulus]
    return [int(v) % modulus for v in np.asarray(value).reshape(-1)[:256]]


def _table(views: Sequence[dict[str, int]]) -> tuple[list[str], Sample]:
    names = list(views[0])
    if any(list(v) != names for v in views):
        raise InputError("the messages themselves differ from run to run: that alone tells things")
    return names, np.array([[v[n] for n in names] for v in views], np.uint64)


def _pairs(
    field: Field, names: list[str], a: Sample, b: Sample
) -> Iterator[tuple[str, Sample, Sample]]:
    """Every value, and the sum and difference in F_p of every two opened ones."""
    for i, name in enumerate(names):
        yield name, a[:, i], b[:, i]
    opened = [
        i
        for i, name in enumerate(names)
        if name.startswith(_OPENED) and int(name.split(", ")[-1].split(" ")[0]) < 8
    ]
    for k, i in enumerate(opened):
        for j in opened[:k]:
            for sign, combined in (("+", field.add), ("-", field.sub)):
                what = f"{names[i]} {sign} {names[j]}"
                yield what, combined(a[:, i], a[:, j]), combined(b[:, i], b[:, j])
