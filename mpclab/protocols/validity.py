"""Inputs proved valid: a client shows that what it uploaded fulfils equations, and nothing else.

A `Statement` says what is to hold: *entries* u_x, each an affine form in the client's inputs, lie
in small sets (a rating in 0..10, a bit in {0, 1}), and sums of their powers are what they should be
(a vector's squared length). All of it together is one equation

    sum_x sum_d W[d, x] u_x^d = T,        d = 1 .. D,

with public W and T that depend on a coin: an input that violates anything fulfils it with
probability 1/p. The client proves it by a sumcheck (Lund, Fortnow, Karloff, Nisan, J. ACM 1992)
whose messages go in under masks, so that the servers hold them, as the inputs, in authenticated
form; as in fully linear proofs (Boneh, Boyle, Corrigan-Gibbs, Gilboa, Ishai, CRYPTO 2019) all that
servers do is linear but one polynomial of degree D at one secret point.

    V1  with its inputs the client uploads what else the statement speaks of (digits, bits), masked;
        servers have committed to R + 1 coins, R = ceil(log2 X) for X entries
    V2  the first coin is revealed; it gives W and T to everybody, the claim is C_0 = T
    V3  for r = 1 .. R the client sends, masked, the polynomial g_r of degree D + 1 (its values at
        0, 2 .. D + 1; that at 1 is C_{r-1} - g_r(0)): the sum over all halves but the first, as a
        function of where between its two halves the table of entries (and of W) is read; then
        coin r is revealed, rho_r; the tables are read there, and the claim is C_r = g_r(rho_r)
    V4  the servers compare hashes of all that they received; who differs is refused
    V5  <u> = sum_x eq_x(rho) <u_x> and <C_R> are linear in what was uploaded, and
        <v> = sum_d W_d(rho) <u>^d by opening e = u - r with prepared <r>, <r^2> .. <r^D>
    V6  MAC check of all e; then a zero test of [alpha s] for s = v - C_R, client by client:
        who fails is refused, alone

Sound whoever is corrupt, if one server is honest: a client whose inputs violate the statement
passes with probability at most 1/p + R (D + 1)/p for the coins, 3/p for the MAC check and 2/p for
the zero test. The test is on [alpha s], since the client knows s. Nobody learns anything but who
passed: e is under a mask nobody knows, and everything else is linear. A refusal may also be a
corrupt server's doing, and never proves that a client cheated.

The coins come from the servers and not from a hash of the messages: 61 bits are far too few against
a client who may try again and again offline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field as dataclass_field
from typing import Any

import numpy as np
import numpy.typing as npt

from mpclab import wire
from mpclab.client import Client
from mpclab.errors import InputError, Rejected
from mpclab.field import Elements, Field
from mpclab.network.rounds import step
from mpclab.party import Party
from mpclab.preprocessing.material import Entry, Material, Powers, ZeroTest
from mpclab.protocols.checks import Coin, check_openings, zero_test
from mpclab.randomness import SEED_BYTES, Stream
from mpclab.sharing import Share

__all__ = [
    "Answers",
    "Equation",
    "ProofMasks",
    "Statement",
    "challenge",
    "client_prove",
    "combined",
    "evaluate_polynomial",
    "passed",
    "proof_material",
    "residual",
    "verify",
]

Indices = npt.NDArray[np.int64]


# -- what is stated --------------------------------------------------------------------------------


@dataclass
class Equation:
    """sum over some entries of `linear` u + `square` u^2 = `total`."""

    total: int
    linear: list[tuple[Indices, Elements]] = dataclass_field(default_factory=list)
    square: list[tuple[Indices, Elements]] = dataclass_field(default_factory=list)


class Statement:
    """What a client's inputs are to fulfil: entries, the sets they lie in, and equations.

    Parameters
    ----------
    field : Field
    inputs : int
        How many field elements a client uploads that the statement speaks of.
    witnesses : int
        How many of these, the last ones, are there for the proof only (digits, bits).

    Examples
    --------
    Two numbers of 0 .. 3 whose squares sum to 10:

    >>> F = Field()
    >>> statement = Statement(F, 2)
    >>> x = statement.entries([0, 1])
    >>> statement.among(x, [0, 1, 2, 3])
    >>> statement.equation(10, squares=(x, 1))
    >>> statement
    Statement(2 inputs, 2 entries, degree 4, 1 rounds)
    >>> statement.holds(F.array([[1, 3], [3, 1], [4, 0]]).T).tolist()
    [True, True, False]
    """

    def __init__(self, field: Field, inputs: int, witnesses: int = 0) -> None:
        self.field, self.inputs, self.witnesses = field, inputs, witnesses
        self.size = 0
        self._terms: list[tuple[Indices, Indices, Elements]] = []  # entry, input, coefficient
        self._constants: list[tuple[Indices, Elements]] = []
        self._sets: list[tuple[Indices, Elements]] = []  # entries, coefficients of degree 1 .. d
        self._equations: list[Equation] = []

    def __repr__(self) -> str:
        return (
            f"Statement({self.inputs:,} inputs, {self.size:,} entries, degree {self.degree}, "
            f"{self.rounds} rounds)"
        )

    # -- making it ----------------------------------------------------------------------------

    def entries(
        self, inputs: npt.ArrayLike, coefficient: npt.ArrayLike = 1, constant: int = 0
    ) -> Indices:
        """New entries, one per input: coefficient * input + constant; returns their numbers."""
        chosen = np.asarray(inputs, np.int64)
        if chosen.size and not 0 <= chosen.min() <= chosen.max() < self.inputs:
            raise InputError(
                f"a statement on {self.inputs} inputs speaks of numbers 0 to {self.inputs - 1}, "
                f"and not of {chosen.min() if chosen.min() < 0 else chosen.max()}"
            )
        new = np.arange(self.size, self.size + chosen.size)
        self.size += chosen.size
        self.add(new, chosen, coefficient)
        if constant:
            self._constants.append((new, self._spread(constant, new)))
        return new

    def add(self, entries: Indices, inputs: npt.ArrayLike, coefficient: npt.ArrayLike) -> None:
        """Add coefficient * input to entries that are there."""
        self._terms.append(
            (entries, np.asarray(inputs, np.int64), self._spread(coefficient, entries))
        )

    def among(self, entries: Indices, values: Sequence[int]) -> None:
        """Every one of these entries is one of the values."""
        F = self.field
        if len(values) + 1 >= F.modulus:
            raise InputError(
                f"a set of {len(values)} values takes a larger prime than {F.modulus} to prove"
            )
        polynomial = [1]  # of falling degree
        for root in values:
            longer = [*polynomial, 0]
            for k, c in enumerate(polynomial):
                longer[k + 1] -= root * c
            polynomial = [c % F.modulus for c in longer]
        rising = np.array(polynomial[::-1], np.uint64)
        self._sets.append((entries, rising))

    def equation(
        self,
        total: int,
        linear: tuple[Indices, npt.ArrayLike] | None = None,
        squares: tuple[Indices, npt.ArrayLike] | None = None,
    ) -> None:
        """The sum of coefficient * entry, and of coefficient * entry^2, is `total`."""
        made = Equation(total)
        for given, kept in ((linear, made.linear), (squares, made.square)):
            if given is not None:
                kept.append((given[0], self._spread(given[1], given[0])))
        self._equations.append(made)

    def _spread(self, coefficient: npt.ArrayLike, entries: Indices) -> Elements:
        return np.broadcast_to(self.field.array(coefficient), entries.shape)

    # -- its sizes ----------------------------------------------------------------------------

    @property
    def degree(self) -> int:
        """D: the highest power of an entry."""
        sets = [len(rising) - 1 for _, rising in self._sets]
        return max([2 if any(e.square for e in self._equations) else 1, *sets])

    @property
    def rounds(self) -> int:
        """R: how often the table of entries is halved until one is left."""
        return max(0, self.size - 1).bit_length()

    @property
    def proof(self) -> int:
        """Elements of a proof besides the witnesses: R polynomials of D + 1 values."""
        return self.rounds * (self.degree + 1)

    @property
    def error(self) -> float:
        """A bound on the probability that invalid inputs pass."""
        return min(1.0, (6 + self.rounds * (self.degree + 1)) / self.field.modulus)

    # -- what it says --------------------------------------------------------------------------

    def table(self, inputs: Elements) -> Elements:
        """The entries (X, clients) for inputs (I, clients)."""
        F = self.field
        out = F.zeros((self.size, inputs.shape[1]))
        for entries, constants in self._constants:
            out[entries] = F.add(out[entries], constants[:, None])
        for entries, chosen, coefficients in self._terms:
            for x, i, c in zip(entries, chosen, coefficients, strict=True):  # per entry: no copy
                out[x] = F.add(out[x], inputs[i] if c == 1 else F.mul(inputs[i], c))
        return out

    def holds(self, inputs: Elements) -> npt.NDArray[np.bool_]:
        """For which clients it is true, in the clear: inputs (I, clients)."""
        F = self.field
        u = self.table(inputs)
        fine = np.ones(u.shape[1], bool)
        for entries, rising in self._sets:
            fine &= (_values(F, rising, u[entries]) == 0).all(axis=0)
        for e in self._equations:
            total = F.zeros(u.shape[1])
            for chosen, power in ((e.linear, u), (e.square, F.mul(u, u))):
                for entries, c in chosen:
                    total = F.add(total, F.sum(F.mul(power[entries], c[:, None]), axis=0))
            fine &= total == F.array(e.total)
        return fine

    def weights(self, coin: Stream) -> tuple[Elements, Elements]:
        """W of shape (D, X) and T, from a coin: one equation for all that is stated."""
        F = self.field
        W, T = F.zeros((self.degree, self.size)), F.zeros()
        for entries, rising in self._sets:
            gamma = F.uniform(coin, entries.size)
            for d, c in enumerate(rising[1:]):
                W[d, entries] = F.add(W[d, entries], F.mul(gamma, c))
            T = F.sub(T, F.mul(F.sum(gamma), rising[0]))
        for e in self._equations:
            gamma = F.uniform(coin)
            for d, chosen in enumerate((e.linear, e.square)):
                for entries, c in chosen:
                    W[d, entries] = F.add(W[d, entries], F.mul(c, gamma))
            T = F.add(T, F.mul(gamma, F.array(e.total)))
        return W, T

    def pulled_back(self, c: Elements) -> tuple[Elements, Elements]:
        """A linear form in the entries as one in the inputs: coefficients (I,), and a constant."""
        F = self.field
        out, constant = F.zeros(self.inputs), F.zeros()
        for entries, chosen, coefficients in self._terms:
            _add_at(F, out, chosen, F.mul(coefficients, c[entries]))
        for entries, constants in self._constants:
            constant = F.add(constant, F.dot(c[entries], constants))
        return out, constant


def _add_at(F: Field, out: Elements, at: Indices, values: Elements) -> None:
    """out[at] += values, where an index may come again and again: in halves of 32 bits."""
    low, high = np.zeros_like(out), np.zeros_like(out)
    np.add.at(low, at, values & np.uint64(2**32 - 1))
    np.add.at(high, at, values >> np.uint64(32))
    p = np.uint64(F.modulus)
    carried = F.mul(high % p, np.uint64(2**32 % F.modulus))
    out[...] = F.add(out, F.add(low % p, carried))


def _values(F: Field, rising: Elements, u: Elements) -> Elements:
    """A polynomial, coefficients from the constant up, at every entry of u."""
    total = np.broadcast_to(rising[-1], u.shape)
    for c in rising[-2::-1]:
        total = F.add(F.mul(total, u), c)
    return np.asarray(total)


# -- the sumcheck ----------------------------------------------------------------------------------


def _lagrange(F: Field, degree: int, point: Elements) -> Elements:
    """L_0(point) .. L_degree(point) for the nodes 0 .. degree: g(point) = sum_t L_t g(t)."""
    p, z = F.modulus, int(point)
    out = []
    for t in range(degree + 1):
        above = below = 1
        for other in range(degree + 1):
            if other != t:
                above, below = above * (z - other) % p, below * (t - other) % p
        out.append(above * pow(below, -1, p) % p)
    return np.array(out, np.uint64)


def _halves(table: Elements) -> tuple[Elements, Elements]:
    """The first half of a table of shape (..., L), and the second, filled up with zeros."""
    half = (table.shape[-1] + 1) // 2
    second = np.zeros_like(table[..., :half])
    second[..., : table.shape[-1] - half] = table[..., half:]
    return np.ascontiguousarray(table[..., :half]), second


def _read_at(F: Field, table: Elements, rho: Elements) -> Elements:
    """The table between its two halves: first + rho (second - first)."""
    first, second = _halves(table)
    return F.add(first, F.mul(rho, F.sub(second, first)))


@dataclass
class _Public:
    """What everybody knows of a sumcheck: the coins, W read at them, and what follows."""

    statement: Statement
    W: Elements
    T: Elements
    rhos: list[Elements] = dataclass_field(default_factory=list)

    @classmethod
    def start(cls, statement: Statement, seed: bytes) -> _Public:
        return cls(statement, *statement.weights(Stream(seed)))

    def point(self, seed: bytes) -> Elements:
        """Take coin r and read W there."""
        F = self.statement.field
        rho = F.uniform(Stream(seed))
        self.rhos.append(rho)
        self.W = _read_at(F, self.W, rho)
        return rho

    def claim(self) -> tuple[Elements, Elements]:
        """C_R = constant + sum of coefficients (R (D + 1),) times what the client sent."""
        F = self.statement.field
        constant = self.T
        parts: list[Elements] = []
        for rho in self.rhos:
            L = _lagrange(F, self.statement.degree + 1, rho)
            parts = [F.mul(part, L[1]) for part in parts]
            parts.append(np.concatenate([[F.sub(L[0], L[1])], L[2:]]))
            constant = F.mul(constant, L[1])
        return (np.concatenate(parts) if parts else F.zeros(0)), constant

    def entry(self) -> Elements:
        """eq(rho): u = sum_x eq_x u_x, of shape (X,)."""
        F = self.statement.field
        sizes = [self.statement.size]
        for _ in self.rhos:
            sizes.append((sizes[-1] + 1) // 2)
        out = np.ones(1, np.uint64)
        for rho, size in zip(self.rhos[::-1], sizes[-2::-1], strict=True):
            one_less = F.sub(np.uint64(1), rho)
            out = np.concatenate([F.mul(out, one_less), F.mul(out, rho)[: size - out.size]])
        return out


# -- material --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ProofMasks(Material):
    """Masks for the witnesses and the polynomials of `clients` proofs: one column per client."""

    length: int
    clients: int

    def layout(self) -> tuple[Entry, ...]:
        return (Entry("masks", (self.length, self.clients), uniform=True),)


def proof_material(statement: Statement, clients: int) -> list[Any]:
    """Everything that the proofs of so many clients take."""
    return [
        ProofMasks(statement.witnesses + statement.proof, clients),
        Powers(clients, statement.degree),
        ZeroTest(),
        ZeroTest(count=clients),
    ]


# -- at the servers --------------------------------------------------------------------------------


@dataclass
class Answers:
    """What a server has received of a proof, and what is public by then."""

    public: _Public
    polynomials: list[Elements]
    valid: npt.NDArray[np.bool_]  # who has answered as it must be

    def bytes(self) -> list[bytes]:
        """What the servers compare hashes of."""
        return [self.valid.tobytes(), *(g.tobytes() for g in self.polynomials)]


async def challenge(
    party: Party, crowd: str, statement: Statement, coins: Sequence[Coin], clients: int
) -> Answers:
    """V2 and V3 at a server: reveal one coin after another, and take what the clients answer.

    A client whose polynomials are not canonical is invalid alone.

    Cost: R + 1 rounds; 64 bytes for each; to the clients 32 bytes each but the last.
    """
    values, bound = statement.degree + 1, np.uint64(party.field.modulus)
    first, *others = coins
    seed = (await first.reveal()).bytes(SEED_BYTES)  # V2
    answers = Answers(_Public.start(statement, seed), [], np.ones(clients, bool))
    for coin in others:  # V3
        await party.send(crowd, "challenge", "coin", seed)
        parts = await party.receive(
            crowd, "polynomial", "polynomial", wire.integers(values, clients)
        )
        if parts is None:
            answers.valid[:] = False
        else:
            answers.polynomials.append(np.asarray(parts[0]).view(np.uint64))
            answers.valid &= (answers.polynomials[-1] < bound).all(axis=0)
        seed = (await coin.reveal()).bytes(SEED_BYTES)
        answers.public.point(seed)
    return answers


Combination = Callable[[Elements], Share]
"""Turns coefficients (I,) into <sum_i c_i x_i>, of shape (clients,), for a server's clients."""


async def evaluate_polynomial(party: Party, x: Share, coefficients: Elements) -> Share:
    """<c_0 + c_1 x + .. + c_D x^D> for every element of <x>, with public coefficients (D + 1,).

    Cost: 1 round; 1 element per server and element of x; `Powers(x.size, D)`.
    """
    F, D = party.field, len(coefficients) - 1
    held = party.take(Powers(x.size, D))
    powers = [held["r"], *(held["higher"][k] for k in range(D - 1))]
    e = await party.open_masked(x - held["r"], "u - r")
    # f(e + r) = sum_k r^k f_k(e), with f_k(e) = sum_d C(d, k) c_d e^(d-k): Taylor's coefficients
    taylor = [np.broadcast_to(c, e.shape) for c in coefficients]
    for k in range(D):  # Horner's scheme again and again
        for d in range(D - 1, k - 1, -1):
            taylor[d] = F.add(taylor[d], F.mul(taylor[d + 1], e))
    total = x.key.constant(taylor[0])
    for k, power in enumerate(powers, 1):
        total = total + Share(F.mul(power.data, taylor[k]), x.key)
    return total


async def verify(
    party: Party,
    answers: Answers,
    combine: Combination,
    masks: Share,
    stored: np.ndarray,
    coin: Coin,
) -> np.ndarray:
    """V5 and V6 at a server: for which clients the statement holds, as booleans.

    Parameters
    ----------
    answers : Answers
        Of `challenge`, after V4.
    combine : callable
        Gives <sum_i c_i x_i> of the inputs; for clients that are not in `stored` anything, as long
        as the servers' parts are parts of one value.
    masks : Share
        The masks of the polynomials, of shape (R (D + 1), clients).
    stored : array of bool
        Which clients are not refused yet, the same at all servers.
    coin : Coin
        For the MAC check, committed to.

    Cost: 8 rounds; 2 elements per client, 1 more and 200 bytes, and 8 per client, per server;
    `Powers`, two `ZeroTest`s.
    """
    F, public = party.field, answers.public
    c, constant = public.statement.pulled_back(public.entry())
    u = combine(c) + constant
    c, constant = public.claim()
    claim = combined(masks, c) + constant
    if stored.any():  # then everything has arrived
        claim = claim + F.combine(
            c, np.concatenate([F.zeros((0, len(stored))), *answers.polynomials])
        )
    weights = np.concatenate([F.zeros(1), public.W[:, 0]])
    v = await evaluate_polynomial(party, u, weights)  # V5
    await step("check", check_openings(party, coin))  # V6
    return stored & await step("valid", zero_test(party, passed(v - claim)))


def combined(masks: Share, c: Elements) -> Share:
    """<sum_k c_k r_k> for masks of shape (length, clients): one pass over shares and MACs."""
    F = masks.key.field
    return Share(np.stack([F.combine(c, masks.value), F.combine(c, masks.mac)]), masks.key)


def passed(s: Share) -> Elements:
    """What <s> is tested for 0 on: its MAC shares, [alpha s]; the client knows s itself."""
    return s.mac


# -- at the clients --------------------------------------------------------------------------------


async def client_prove(
    client: Client,
    statement: Statement,
    inputs: Elements,
    masks: Elements,
    sending: np.ndarray | None = None,
) -> None:
    """V3 at a crowd of clients: inputs (I, clients), witnesses included; masks (R (D + 1), ..).

    Zeros stand for those that are not `sending`, since their masks failed their check. Raises
    Rejected, and sends nothing more, if the servers tell it different coins.
    """
    F, values = client.field, statement.degree + 1
    if statement.rounds == 0:
        return
    public = _Public.start(statement, await _coin(client))
    table = statement.table(inputs)
    for r in range(statement.rounds):
        if r:
            table = F.fold(table, public.point(await _coin(client)))
        g = F.sumcheck(public.W, table)
        mine = masks[r * values : (r + 1) * values]
        masked = F.sub(g, mine)
        if sending is not None:
            masked[:, ~sending] = 0
        await client.send_all("polynomial", "polynomial", masked.view(np.int64))


def residual(statement: Statement, seeds: Sequence[bytes], inputs: Elements) -> Elements:
    """s = v - C_R of proofs that follow the protocol, for all R + 1 coins; 0 if inputs are valid.

    A client knows its inputs and the coins, so it can compute this; whoever helps it must not be
    able to use that.
    """
    F, public = statement.field, _Public.start(statement, seeds[0])
    table, sent = statement.table(inputs), [F.zeros((0, inputs.shape[1]))]
    for seed in seeds[1:]:
        sent.append(F.sumcheck(public.W, table))
        table = F.fold(table, public.point(seed))
    c, constant = public.claim()
    v = _values(F, np.concatenate([F.zeros(1), public.W[:, 0]]), table[0])
    return F.sub(v, F.add(F.combine(c, np.concatenate(sent)), constant))


async def _coin(client: Client) -> bytes:
    told = [bytes(seed) for (seed,) in await client.receive_all("challenge", "coin", wire.raw(32))]
    if any(seed != told[0] for seed in told):
        raise Rejected("the servers told different coins, so nothing more is proved to them")
    return told[0]
