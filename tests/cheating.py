"""How the tests cheat: a cheater edits the bytes in flight at a named step.

`Cheat(scene.lab, "server 1", "h", edit)` makes server 1 corrupt: whatever it sends in step "h" is
decoded, given to `edit`, and encoded again. A broadcast is altered in every copy, the sender's own
included, unless `to` names receivers: so a corrupt server stays consistent, or equivocates.
`Spy` listens without touching anything. Both are ordinary adversaries of `SimulatedNetwork`.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from mpclab import wire
from mpclab.errors import Abort
from mpclab.field import Field
from mpclab.lab import Lab
from mpclab.network.endpoint import is_server, server_name
from mpclab.network.rounds import together
from mpclab.network.simulated import Outcomes
from mpclab.party import Party
from mpclab.preprocessing.material import ZeroTest
from mpclab.recommender import Parameters, Recommender
from mpclab.sharing import Share, additive, share_out
from mpclab.wire import Header, Section

DROP = None


@dataclass(frozen=True)
class Message:
    """A decoded message of a corrupt party, and the section that the cheater is after."""

    field: Field
    header: Header
    sections: tuple[Section, ...]
    at: int
    before: bytes | None  # the last message that this sender sent this receiver

    @property
    def section(self):
        return self.sections[self.at]

    def encode(self):
        return wire.encode(self.field, self.header, self.sections)

    def with_section(self, **changes):
        sections = list(self.sections)
        sections[self.at] = replace(self.section, **changes)
        return replace(self, sections=tuple(sections))

    def with_part(self, part, value):
        parts = list(self.section.parts)
        parts[part] = value
        return self.with_section(parts=tuple(parts))


class Cheat:
    """An adversary with one corrupt party, which edits what it sends in a step.

    `edit(message)` returns the bytes to send, or DROP. `hits` counts the messages edited. Of the
    steps of a proof that come again and again it is the first, towards each receiver.
    """

    AGAIN = ("proof/coin reveal", "proof/challenge", "proof/polynomial")

    def __init__(self, lab, who, step, edit, *, phase=None, kind=None, to=None):
        self.field, self.phase, self.kind = lab.field, phase, kind
        self.edits = [(step, edit, to)]
        self.hits = 0
        self._before = {}
        self._done = set()
        lab.network.adversary, lab.network.corrupt = self, frozenset([who])

    def also(self, step, edit, to=None):
        """Edit another step too."""
        self.edits.append((step, edit, to))
        return self

    def __call__(self, flight):
        return [e for e in map(self._edited, flight.corrupt) if e is not None]

    def _edited(self, envelope):
        route = envelope.sender, envelope.receiver
        before, self._before[route] = self._before.get(route), envelope.data
        if self.phase not in (None, envelope.phase):
            return envelope
        header, sections = wire.decode(self.field, envelope.data)
        for step, edit, to in self.edits:
            for at, section in enumerate(sections):
                if (
                    section.label == step
                    and self.kind in (None, section.kind)
                    and (to is None or envelope.receiver in to)
                    and (step, envelope.receiver, envelope.session) not in self._done
                ):
                    if step in self.AGAIN:
                        self._done.add((step, envelope.receiver, envelope.session))
                    self.hits += 1
                    data = edit(Message(self.field, header, tuple(sections), at, before))
                    return None if data is DROP else replace(envelope, data=data)
        return envelope


@dataclass(frozen=True)
class Seen:
    """A section of a message that somebody saw."""

    session: str
    phase: str
    label: str
    kind: str
    round: int | None
    sender: str
    receiver: str
    parts: tuple


class Spy:
    """Sees what the corrupt parties send and receive; `who` None corrupts everybody (god view)."""

    def __init__(self, lab, who=None):
        names = [s.name for s in lab.servers]
        self.field = lab.field
        self.seen: list[Seen] = []
        lab.network.adversary = self
        lab.network.corrupt = frozenset([*names, "users", "requester"] if who is None else who)

    def __call__(self, flight):
        for e in sorted((*flight.honest, *flight.corrupt), key=lambda e: e.sender):
            _, sections = wire.decode(self.field, e.data)
            self.seen += [
                Seen(e.session, e.phase, s.label, s.kind, e.round, e.sender, e.receiver, s.parts)
                for s in sections
            ]
        return flight.corrupt

    def opened(self, receiver="server 0"):
        """Every value that servers opened towards each other, in order: (label, values)."""
        shares = {}
        for s in self.seen:
            if s.kind == "open" and s.receiver == receiver:
                shares.setdefault((s.session, s.round, s.label), []).append(s.parts[0])
        for (_, _, label), parts in shares.items():
            yield label, self.field.sum(np.stack(parts), axis=0)

    def opened_by_label(self, receiver="server 0"):
        """The opened values of every label, strung together."""
        found = {}
        for label, values in self.opened(receiver):
            found.setdefault(label.split("/")[-1], []).append(values.reshape(-1))
        return {label: np.concatenate(values) for label, values in found.items()}

    def values(self, label, receiver="server 0"):
        """First parts of all messages of one label to one receiver, in order of arrival."""
        return [s.parts[0] for s in self.seen if s.label == label and s.receiver == receiver]


# -- many trials at once ------------------------------------------------------------


def many(protocol):
    """The protocol once per entry of its arguments, side by side, each with its own openings.

    A trial that aborts counts as False. At most 255 fit into one message: see `trials`.
    """

    async def run(party, *shared):
        async def one(j):
            try:
                own = Party(party.server, party.endpoint)
                return await protocol(own, *(_entry(s, j) for s in shared))
            except Abort:
                return False

        return await together(*(one(j) for j in range(len(shared[0]))))

    return run


def _entry(shares, j):
    return shares[j : j + 1] if isinstance(shares, Share) else shares[j, ...]


def trials(lab, protocol, *shared, batch=200):
    """Run a protocol once per entry of arrays of shares; server 0's results, in order."""
    count = len(shared[0][0])
    found = []
    for start in range(0, count, batch):
        part = slice(start, start + batch)
        found += lab.each(many(protocol), *([s[part] for s in arg] for arg in shared))[0]
    return found


def install(lab, spec, uniform=None):
    """Put a bundle of material with these plaintexts into all pools, as the dealer would."""
    stream = lab.dealer._source.stream()
    F, keys = lab.field, [s.key for s in lab.servers]
    uniform = dict(uniform or {})
    for entry in spec.layout():
        if entry.uniform and entry.name not in uniform:
            uniform[entry.name] = F.uniform(stream, entry.shape)
    values = {**uniform, **spec.derive(F, uniform, lab.dealer)}
    shares = {
        e.name: share_out(values[e.name], keys, stream)
        if e.authenticated
        else additive(F, F.array(values[e.name]), lab.n, stream)
        for e in spec.layout()
    }
    _file(lab, spec, [{k: v[i] for k, v in shares.items()} for i in range(lab.n)])
    return values


def zero_tests(lab, t, u):
    """Put zero tests with these t and u into all pools; much faster than dealing one by one."""
    F, stream = lab.field, lab.dealer._source.stream()
    t, u = F.array(t), F.array(u)
    parts = [additive(F, x, lab.n, stream) for x in (t, u, F.mul(t, u))]
    for j in range(len(t)):
        bundles = [
            {name: part[i][j : j + 1] for name, part in zip(("t", "u", "tu"), parts, strict=True)}
            for i in range(lab.n)
        ]
        _file(lab, ZeroTest(), bundles)


def random_zero_tests(lab, count):
    """Put `count` zero tests into all pools."""
    t, u = lab.field.uniform(lab.dealer._source.stream(), (2, count))
    zero_tests(lab, t, u)


def _file(lab, spec, bundles):
    serial, lab.dealer._next_serial = lab.dealer._next_serial, lab.dealer._next_serial + 1
    for server, bundle in zip(lab.servers, bundles, strict=True):
        server.pool.put(serial, spec, bundle)


def shifted(shares, value, mac=0, server=0):
    """Shares of which a corrupt server has altered its own: value and MAC share."""
    F = shares[0].key.field
    out = list(shares)
    delta = np.stack(np.broadcast_arrays(F.array(value), F.array(mac)))
    old = out[server]
    delta = np.broadcast_to(delta.reshape(2, -1), old.data.reshape(2, -1).shape)
    out[server] = Share(F.add(old.data, delta.reshape(old.data.shape)), old.key)
    return out


# -- statistics: every test is passed by right code but with this probability -------

FALSE_ALARM = 1e-6


def rate_is(successes, trials, probability):
    """Two-sided exact binomial test at the false-alarm rate."""
    from scipy.stats import binomtest

    return binomtest(int(successes), int(trials), float(probability)).pvalue > FALSE_ALARM


def uniform_below(values, modulus):
    """Chi-square test that integers are uniform below `modulus` (5 expected per cell or more)."""
    from scipy.stats import chisquare

    counts = np.bincount(np.asarray(values, np.int64).reshape(-1), minlength=modulus)
    assert len(counts) == modulus
    assert counts.sum() >= 5 * modulus
    return chisquare(counts).pvalue > FALSE_ALARM


def uniform_in_field(values, modulus):
    """Kolmogorov and Smirnov's test that elements of a large field are uniform."""
    from scipy.stats import kstest

    return kstest(np.asarray(values).reshape(-1) / modulus, "uniform").pvalue > FALSE_ALARM


# -- edits --------------------------------------------------------------------------


def changed(field, part, at=0, by=1):
    """The part with entry `at` another value, still well-formed."""
    if not isinstance(part, np.ndarray):
        data = bytearray(part)
        data[at] ^= by
        return bytes(data)
    out = part.copy()
    flat = out.reshape(-1)
    if part.dtype == np.uint64:
        flat[at] = (int(flat[at]) + by) % field.modulus
    else:
        flat[at] += by
    return out


def value(part=0, at=0, by=1):
    """Edit: add `by` to one entry of a part (flip a bit of bytes)."""
    return lambda m: m.with_part(part, changed(m.field, m.section.parts[part], at, by)).encode()


def not_canonical(m):
    """Edit: replace the first field element by p, the same element written another way."""
    for k, part in enumerate(m.section.parts):
        if isinstance(part, np.ndarray) and part.dtype == np.uint64 and part.size:
            out = part.copy()
            out.reshape(-1)[0] = m.field.modulus
            return m.with_part(k, out).encode()
    return DROP


def _resized(part, by):
    if not isinstance(part, np.ndarray):
        return part + b"\0" if by > 0 else part[:-1]
    flat = part.reshape(-1)
    if part.ndim == 0:
        return np.zeros(2, part.dtype) if by > 0 else np.zeros(0, part.dtype)
    if by < 0:
        return part[:-1]
    return np.concatenate([part, np.zeros((1, *part.shape[1:]), part.dtype)]) if flat.size else part


def _of(changes):
    return lambda m: changes(m).encode()


#: Messages that are not as they must be, whatever the step: every one is an Abort or a refusal.
MALFORMED = {
    "longer": _of(lambda m: m.with_part(0, _resized(m.section.parts[0], 1))),
    "shorter": _of(lambda m: m.with_part(0, _resized(m.section.parts[0], -1))),
    "another part": _of(lambda m: m.with_section(parts=(*m.section.parts, b""))),
    "a part less": _of(lambda m: m.with_section(parts=m.section.parts[:-1])),
    "no section": _of(lambda m: replace(m, sections=())),
    "twice the section": _of(lambda m: replace(m, sections=(*m.sections, m.section))),
    "wrong label": _of(lambda m: m.with_section(label=m.section.label + "'")),
    "wrong kind": _of(lambda m: m.with_section(kind="gift")),
    "other session": _of(lambda m: replace(m, header=replace(m.header, session=bytes(16)))),
    "other round": _of(
        lambda m: replace(m, header=replace(m.header, round=m.header.round + 1))
    ),
    "bytes: other type": _of(lambda m: m.with_part(0, b"\1" * 8)),
    "cut off": lambda m: m.encode()[:-1],
    "goes on": lambda m: m.encode() + b"\0",
    "empty": lambda m: b"",
    "noise": lambda m: bytes(range(256)),
    "dropped": lambda m: DROP,
    "replayed": lambda m: m.before or b"",
    "not canonical": not_canonical,
}
#: Between servers also: a message that belongs to another history.
OTHER_HISTORY = _of(lambda m: replace(m, header=replace(m.header, history=bytes(32))))


# -- a scene: a small recommender whose every outcome is kept -----------------------

RATINGS = np.array(
    [[8, 2, 9, 0, 4], [8, 3, 7, 3, 0], [7, 2, 0, 10, 1], [1, 9, 5, 5, 5]], np.uint8
)
THRESHOLD = 0.9


class Scene:
    """Four users and a requester, who is user 0, before n servers; outcomes of all runs are kept.

    Masks for a second upload and material for a second query are there, for after an abort.
    """

    def __init__(self, servers=2, *, seed=1, queries=2, modulus=2**61 - 1, validated=True):
        self.lab = Lab(servers=servers, seed=seed, modulus=modulus)
        parameters = Parameters(
            users=8, items=5, dense=2, min_dense=1, modulus=modulus, validated=validated
        )
        self.recommender = Recommender(self.lab, parameters)
        self.recommender.preprocess(rows=4)
        self.recommender.preprocess(rows=4)
        self.recommender.preprocess(queries=queries)
        self.outcomes: list[tuple[str, Outcomes]] = []
        run = self.lab.network.run

        def keep(phase, actors):
            outcomes = run(phase, actors)
            self.outcomes.append((phase, outcomes))
            return outcomes

        self.lab.network.run = keep

    def run(self):
        """Upload and ask; returns the result."""
        self.recommender.upload(RATINGS)
        return self.ask()

    def ask(self):
        return self.recommender.recommend(RATINGS[0], THRESHOLD, user=0)

    def honest(self):
        """Everybody becomes honest."""
        self.lab.network.adversary, self.lab.network.corrupt = None, frozenset()

    def right(self, result, missing=()):
        """Whether a result is what the rows without the missing ones give."""
        rows = [j for j in range(len(RATINGS)) if j not in missing]
        wanted = by_hand(
            RATINGS[rows], RATINGS[0], THRESHOLD, own=rows.index(0) if 0 in rows else None,
            dense=2,
        )
        return wanted == (result.sums.tolist(), result.counts.tolist(), result.neighbours)

    def results_sent(self, by):
        """How many results a server sent to the requester."""
        return sum(
            r.step == "result" and r.sender == by for r in self.lab.transcript.records
        )

    def server_outcomes(self, honest):
        return [out[name] for _, out in self.outcomes for name in honest]

    @property
    def servers(self):
        return [server_name(i) for i in range(self.lab.n)]


def leg(seen):
    """Which way a message goes."""
    names = ("client", "server")
    return f"{names[is_server(seen.sender)]} to {names[is_server(seen.receiver)]}"


def by_hand(ratings, query, threshold, own=None, dense=2, scale=255):
    """The recommendation once more, in plain Python: sums, counts, number of neighbours."""

    def unit(row):
        centred = [int(x) - 6.5 if x else 0.0 for x in row[:dense]]
        length = math.sqrt(sum(x**2 for x in centred))
        return [round(scale * (x / length)) if length else 0 for x in centred]

    a, least = unit(query), math.ceil(threshold * scale**2)
    items = len(query) - dense
    sums, counts, neighbours = [0] * items, [0] * items, 0
    for j, row in enumerate(ratings):
        if j == own or sum(x * y for x, y in zip(unit(row), a, strict=True)) < least:
            continue
        neighbours += 1
        for i in range(items):
            sums[i] += int(row[dense + i])
            counts[i] += int(row[dense + i] > 0)
    return sums, counts, neighbours
