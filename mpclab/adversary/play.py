"""One attack, played and told: what was tried, what happened, what the coalition saw.

`played` runs an attack of the gallery at a step of one's choice and keeps everything: the outcome,
the transcript, which messages went out otherwise than the protocol has it, and the coalition's
view. In a notebook a `Play` shows itself as a verdict, a picture of the messages in which the
altered ones are marked, and the coalition's view beside it.

>>> played("error on an opening", servers=3)
Play('error on an opening' at aggregate/y - r by server 2: abort before output, holds)
>>> played("error on an opening", servers=3, without="MAC check").outcome.result
'wrong result accepted'
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mpclab import wire
from mpclab.adversary._played import LARGE, OpenLab, watched
from mpclab.adversary.gallery import ATTACKS, attack as find
from mpclab.adversary.grounds import GROUNDS, RECOMMEND, REQUESTER, USERS, Step, steps_of
from mpclab.adversary.model import Attack, World
from mpclab.adversary.outcome import (
    ABORT,
    LEARNT,
    NO_EFFECT,
    NO_STEP,
    NOTHING,
    REFUSED,
    REJECTED,
    STUCK,
    WRONG,
    Outcome,
)
from mpclab.adversary.tools import Change
from mpclab.adversary.weakened import DEFENCES, weakened
from mpclab.conclusions import conclusions
from mpclab.errors import InputError, MpclabError
from mpclab.network.endpoint import is_server, server_name
from mpclab.network.transcript import Record, Transcript
from mpclab.wire import Part

if TYPE_CHECKING:
    import pandas as pd

    from mpclab.diagram import Diagram

__all__ = [
    "Altered", "Glimpse", "Play", "attempt", "needed_clients", "places", "played",
    "with_and_without",
]

_NARROW = 690.0  # the picture leaves room beside it


@dataclass(frozen=True)
class Altered:
    """A corrupt party's message, as it was sent instead of as it was due.

    `step` and `kind` are those of the section that differs, or of the whole message.
    """

    session: str
    phase: str
    step: str
    kind: str
    sender: str
    receivers: tuple[str, ...]
    difference: str


@dataclass(frozen=True)
class Glimpse:
    """What a coalition saw of one step: what honest parties told it, and what it sent them.

    Attributes
    ----------
    step, kind : str
    received, sent : tuple of (str, str)
        Party and value, shortened; a value that went to several receivers stands once.
    together : str
        The opened value that the coalition can compute, shortened; "" if nothing was opened.
    altered : tuple of str
        What it sent otherwise than was due.
    tells : tuple of str
        What the messages tell it.
    """

    step: str
    kind: str
    received: tuple[tuple[str, str], ...]
    sent: tuple[tuple[str, str], ...]
    together: str
    altered: tuple[str, ...]
    tells: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Play:
    """An attack that has been played.

    Attributes
    ----------
    attack : Attack
    step : Step
        Where it struck.
    servers : int
    corrupt : tuple of str
        The corrupt parties, the one that leads first.
    without : str
        The defence that was taken away; "" if none.
    modulus : int
        Of the field that it ran in; some attacks choose their own.
    outcome : Outcome
    session, phase : str or None
        The part of the transcript that is shown: where something was altered.
    altered : tuple of Altered
        What went out otherwise than the protocol has it.
    """

    attack: Attack
    step: Step
    servers: int
    corrupt: tuple[str, ...]
    without: str
    modulus: int
    outcome: Outcome
    session: str | None
    phase: str | None
    altered: tuple[Altered, ...]
    lab: OpenLab | None = field(repr=False, default=None)
    changes: tuple[Change, ...] = field(repr=False, default=())

    def __repr__(self) -> str:
        return (
            f"Play({self.attack.name!r} at {self.step.label} by {listed(self.corrupt)}: "
            f"{self.outcome.result}, {self.outcome.verdict})"
        )

    def _repr_html_(self) -> str:
        from mpclab.adversary.shown import page

        return page(self)

    # -- in words -----------------------------------------------------------------------------

    def sentence(self) -> str:
        """The verdict in one sentence: what was tried, what happened, what met it.

        >>> print(played("lie about one row", servers=2).sentence())
        Server 1 of 2, at upload/same rows: 'lie about one row' fails: refused (1 row is
        refused; the result is right without); met by: a refusal never proves that the user cheated
        [2, 3.5].
        """
        who = listed(self.corrupt)
        who = who[0].upper() + who[1:] + (f" of {self.servers}" if self._one_server else "")
        name, result = self.attack.name, self.outcome.result
        told = f"{result} ({self.outcome.detail})" if self.outcome.detail else result
        return f"{who}, at {self.where}: '{name}' {self._ended()}: {told}{self._why()}."

    @property
    def where(self) -> str:
        """The step with its phase, unless its name tells it."""
        return f"{self.step.phase}/{self.step.label}"

    def conclusion(self) -> str:
        """What the coalition has after all that it saw, and what honest parties believe.

        >>> played("error on an opening").conclusion()
        'That the session was stopped before a result left. All else that it saw is masked, ...
        """
        result, detail = self.outcome.result, self.outcome.detail
        rest = "All else that it saw is masked, shared or committed to, and tells nothing."
        if result == LEARNT:
            return f"It has learnt what it must not: {detail}."
        if result == WRONG:
            return f"No secret; but honest parties take a wrong result for right: {detail}."
        if result == STUCK:
            return f"No secret; but the service is gone: {detail}."
        if result == NO_STEP:
            return "Nothing was run."
        if result == ABORT:
            return f"That the session was stopped before a result left. {rest}"
        if result == REFUSED:
            return f"That something was refused; that names no culprit. {rest}"
        if result == REJECTED:
            return f"Nothing: a client goes silently. {rest}"
        own = "The requester's own result, which is the requester's to know. "
        return (own if REQUESTER in self.corrupt else "") + rest

    @property
    def _one_server(self) -> bool:
        return len(self.corrupt) == 1 and is_server(self.corrupt[0])

    def _ended(self) -> str:
        if self.outcome.broken:
            return "succeeds"
        if self.outcome.result == NO_STEP:
            return "finds nothing to strike"
        return "changes nothing" if self.outcome.result == NO_EFFECT else "fails"

    def _why(self) -> str:
        source = f" [{self.attack.source}]"
        if self.outcome.result == NO_STEP:
            return ""
        if not self.outcome.broken:
            return f"; met by: {self.attack.defence}{source}"
        if self.without:
            return f", since a defence is missing: {DEFENCES[self.without]}{source}"
        return f", by luck: in F_{self.modulus} a guess is right once in {self.modulus}{source}"

    # -- what there is to see -----------------------------------------------------------------

    @property
    def transcript(self) -> Transcript:
        """All messages of the lab that the attack was played in; empty if it found no step."""
        return self.lab.transcript if self.lab is not None else Transcript()

    @property
    def marks(self) -> dict[int, str]:
        """Which records to mark, by their number in the transcript, and the word beside them."""
        due = {(c.due.session, c.due.phase, c.due.label, c.due.round, c.due.sender, c.due.receiver)
               for c in self.changes}  # fmt: skip
        found: dict[int, str] = {}
        chosen: dict[int, str] = {}
        for number, r in enumerate(self.transcript.records):
            if (r.session, r.phase, r.step, r.round, r.sender, r.receiver) in due:
                found[number] = "altered"
            elif (
                r.session == self.session and r.phase == self.phase and r.sender in self.corrupt
                and _travels(self.step.label, r.step)
            ):
                chosen[number] = "as the coalition chose"
        return found if self.changes else chosen

    @cached_property
    def diagram(self) -> Diagram | None:
        """The messages of the session and phase in which it struck, the altered ones marked."""
        from mpclab.diagram import Marker, draw, layout

        if self.session is None:
            return None
        records = self.transcript.records
        placed = layout(
            self.transcript, self.session, self.phase, corrupt=self.corrupt, width=_NARROW
        )
        silent = frozenset(
            (c.due.session, c.due.phase, c.due.label, c.due.sender)
            for c in self.changes
            if not c.sent and c.due.sender in placed.columns.names
        )
        words = {id(records[number]): word for number, word in self.marks.items()}
        return draw(placed, conclusions=True, marker=Marker(words, silent))

    def view(self) -> pd.DataFrame:
        """What the coalition held and received, in all sessions: see `Lab.view`.

        Raises
        ------
        InputError
            If the attack found no step, so that nothing was run.
        """
        if self.lab is None:
            raise InputError("nothing was run: the attack found no step to strike at")
        servers = [int(name.split()[1]) for name in self.corrupt if is_server(name)]
        seen = {r.sender for r in self.transcript.records}
        clients = [name for name in self.corrupt if not is_server(name) and name in seen]
        return self.lab.view(servers=servers, clients=clients)

    def held(self) -> list[tuple[str, str]]:
        """What the coalition holds besides messages: party and value, shortened, a few of each."""
        if self.lab is None:
            return []
        view = self.view()
        found: dict[str, list[str]] = {}
        rows = view.loc[view["what"] == "held", ["party", "step", "value"]]
        for party, step, value in rows.itertuples(index=False):
            found.setdefault(party, []).append(f"{step} = {short(value)}")
        for name in self.corrupt:
            found.setdefault(name, ["its own input and randomness"])
        return [
            (party, text)
            for party, texts in found.items()
            for text in [*texts[:2], *[f"and {len(texts) - 2} more shares"] * (len(texts) > 2)]
        ]

    @cached_property
    def glimpses(self) -> tuple[Glimpse, ...]:
        """The coalition's view of the session and phase that is drawn, step by step."""
        if self.lab is None or self.session is None:
            return ()
        return tuple(_glimpses(self))


# -- where one can strike ---------------------------------------------------------------------


def places(servers: int = 3, modulus: int = LARGE) -> tuple[Step, ...]:
    """Every step of a recommendation, and all other places where an attack of the gallery strikes.

    Parameters
    ----------
    servers, modulus : int

    Examples
    --------
    >>> online = [s.label for s in places() if s.ground == "recommend" and s.phase == "online"]
    >>> online[:3]
    ['query', 'compare/same query', 'compare/x + r']
    """
    homes = [a.home for a in ATTACKS.values()]
    inside = steps_of(RECOMMEND, servers, modulus)
    others = [
        h for h in homes if h.ground != RECOMMEND or h not in steps_of(RECOMMEND, servers, LARGE)
    ]
    return tuple(dict.fromkeys([*inside, *others]))


def needed_clients(each: Attack, step: Step) -> tuple[str, ...]:
    """Which clients an attack takes at a step: of those it may take, the one that speaks there.

    >>> needed_clients(find("client's noise"), find("client's noise").home)
    ('requester',)
    """
    if len(each.clients) < 2:
        return each.clients
    if step.ground != RECOMMEND:
        return ("alice",)
    return (USERS,) if step.phase == "upload" else (REQUESTER,)


def played(
    attack: str | Attack,
    servers: int = 3,
    corrupt: int | Sequence[int] | None = None,
    step: Step | str | None = None,
    *,
    clients: Sequence[str] = (),
    without: str | None = None,
    modulus: int = LARGE,
    seed: int = 1,
) -> Play:
    """Play an attack and tell everything about it.

    Parameters
    ----------
    attack : str or Attack
        A name of the gallery, or an attack of one's own.
    servers : int
        How many there are, at least 2.
    corrupt : int, sequence of int or None
        How many servers are corrupt (the last ones), or which, the leader first; None: as few as
        the attack takes.
    step : Step, str or None
        Where it strikes, one of `places`; a label such as "select/b - d" will do. None: where it
        does by itself.
    clients : sequence of str
        "users" or "requester": corrupt clients besides those that the attack takes. They follow
        the protocol, and tell the coalition all that they see.
    without : str or None
        A defence to take away meanwhile; see `weakened.DEFENCES`.
    modulus : int
        A small one, such as 101, lets guesses come true.
    seed : int
        Of the lab: the same seed plays the same.

    Raises
    ------
    InputError
        If there is no such attack, step or defence, or the attack does not strike there or takes
        other parties.

    Examples
    --------
    >>> play = played("error on an opening", servers=3, step="select/b - d")
    >>> play.outcome.result, [a.difference for a in play.altered]
    ('abort before output', ['entry 0 is 1 more than due, in the field'])
    >>> play.diagram
    Diagram(51 messages in 9 rows, 8 rounds between 3 servers)
    >>> play.view().columns[:4].tolist()
    ['party', 'what', 'session', 'phase']
    """
    each = attack if isinstance(attack, Attack) else find(attack)
    name = each.name
    if servers < each.least:
        raise InputError(f"{name!r} takes at least {each.least} servers, and there are {servers}")
    if without and without not in DEFENCES:
        raise InputError(
            f"there is no defence {without!r} to take away: there are "
            f"{', '.join(map(repr, DEFENCES))}"
        )
    where = _place(each, step, servers, modulus)
    unknown = set(clients) - {USERS, REQUESTER, "alice"}
    if unknown:
        raise InputError(
            f"there is no client {sorted(unknown)[0]!r} to corrupt: there are 'users', the dummy "
            "users, and 'requester'"
        )
    chosen = each.servers if corrupt is None else corrupt
    world = World(
        servers, chosen if isinstance(chosen, int) else tuple(chosen), where, seed=seed,
        modulus=modulus,
    )
    if len(world.members) < each.servers:
        raise InputError(
            f"{name!r} takes {each.servers} corrupt server{'s' * (each.servers > 1)}, and there "
            f"are {len(world.members)}"
        )
    with watched() as labs, weakened(without) if without else nullcontext():
        outcome = attempt(each, world, weak=bool(without))
    return _told(each, world, tuple(clients), without or "", outcome, labs)


def with_and_without(
    attack: str | Attack,
    without: str | None = None,
    servers: int = 3,
    step: Step | str | None = None,
    *,
    modulus: int = LARGE,
    seed: int = 1,
) -> pd.DataFrame:
    """Play an attack twice: with all defences in place, and without one.

    Parameters
    ----------
    attack : str or Attack
    without : str or None
        The defence; None: the one that the gallery names for this attack.
    servers, step, modulus, seed
        As `played` takes them.

    Returns
    -------
    DataFrame
        Two rows, "all in place" and "without ...": outcome, what happened, verdict.

    Raises
    ------
    InputError
        As `played`; and if the gallery names no defence.

    Examples
    --------
    >>> frame = with_and_without("guess of the result")
    >>> frame[["outcome", "verdict"]].values.tolist()
    [['nothing learnt', 'holds'], ['learnt', 'BROKEN']]
    """
    import pandas as pd

    each = attack if isinstance(attack, Attack) else find(attack)
    missing = without or each.without
    if not missing:
        raise InputError(
            f"the gallery names no single defence that meets {each.name!r}: choose one of "
            f"{', '.join(map(repr, DEFENCES))}"
        )
    rows = {}
    for name, gone in (("all in place", None), (f"without {missing}", missing)):
        play = played(each, servers, step=step, without=gone, modulus=modulus, seed=seed)
        o = play.outcome
        rows[name] = {"outcome": o.result, "what happened": o.detail, "verdict": o.verdict}
    frame = pd.DataFrame.from_dict(rows, orient="index")
    return frame.rename_axis("defences")


def attempt(each: Attack, world: World, *, weak: bool) -> Outcome:
    """Run an attack; where a defence is missing, one that counts on it comes to nothing.

    >>> with weakened("MAC check"):
    ...     attempt(find("key from a failed check"), World(2), weak=True).result
    'nothing learnt'
    """
    if not weak:
        return each.run(world)
    try:
        return each.run(world)
    except (MpclabError, IndexError):
        return Outcome(NOTHING, "the attack counts on a defence that is not there")


def _place(each: Attack, step: Step | str | None, servers: int, modulus: int) -> Step:
    """The step that is meant."""
    if step is None:
        return each.home
    if isinstance(step, Step):
        if not each.strikes(step):
            raise InputError(f"{each.name!r} does not strike at {step}: it does at {each.home}")
        return step
    every = [*places(servers, modulus), *(s for g in GROUNDS for s in steps_of(g, servers))]
    named = [s for s in dict.fromkeys(every)
             if step in (s.label, f"{s.phase}/{s.label}", str(s))]  # fmt: skip
    if not named:
        raise InputError(f"there is no step {step!r}: see places() for all of them")
    for s in [s for s in named if s == each.home] + named:
        if each.strikes(s):
            return s
    raise InputError(f"{each.name!r} does not strike at {named[0]}: it does at {each.home}")


# -- what came of it --------------------------------------------------------------------------


def _told(
    each: Attack, world: World, clients: tuple[str, ...], without: str, outcome: Outcome,
    labs: list[OpenLab],
) -> Play:  # fmt: skip
    where = world.step
    assert where is not None
    corrupt = (
        *map(server_name, world.members), *dict.fromkeys([*needed_clients(each, where), *clients])
    )
    lab, changes = _stage(labs)
    session, phase = _scene(lab, changes, where)
    return Play(
        attack=each, step=where, servers=world.servers, corrupt=corrupt, without=without,
        modulus=lab.field.modulus if lab is not None else world.modulus, outcome=outcome,
        session=session, phase=phase,
        altered=tuple(_differences(lab, changes)) if lab is not None else (),
        lab=lab, changes=changes,
    )  # fmt: skip


def _stage(labs: list[OpenLab]) -> tuple[OpenLab | None, tuple[Change, ...]]:
    """The lab to show, and what was changed there: the last in which anything was."""
    for lab in reversed(labs):
        changes = [c for coalition in lab.coalitions for c in coalition.changes]
        if changes:
            return lab, tuple(changes)
    return (labs[-1] if labs else None), ()


def _scene(
    lab: OpenLab | None, changes: tuple[Change, ...], step: Step
) -> tuple[str | None, str | None]:
    """The session and phase to show: where something was changed first, or else the step's."""
    if lab is None or not lab.transcript.records:
        return None, None
    # What only the sender's own copy shows is no message.
    for change in changes:
        if any(lab.transcript.select(change.due.session, change.due.phase)):
            return change.due.session, change.due.phase
    there = [r for r in lab.transcript.records if r.phase == step.phase] or lab.transcript.records
    exact = [r for r in there if _travels(step.label, r.step)]
    last = (exact or there)[-1]
    return last.session, last.phase


def _among(name: str, names: str) -> bool:
    """Whether a name is one of several, joined by " + "; it may have a " + " of its own.

    >>> _among("x + r", "same query + x + r"), _among("r", "x + rr")
    (True, False)
    """
    return f" + {name} + " in f" + {names} + "


def _travels(step: str, names: str) -> bool:
    """Whether a step is in a message, by its name or by what its name ends with."""
    return _among(step, names) or f"/{step} + " in f"{names} + "


def _differences(lab: OpenLab, changes: tuple[Change, ...]) -> list[Altered]:
    """What was changed, receivers of the same word together; the sender's own copy is left out."""
    found: dict[tuple[str, ...], list[str]] = {}
    for change in changes:
        e = change.due
        key = (e.session, e.phase, *_difference(lab, change), e.sender)
        receivers = found.setdefault(key, [])
        if e.receiver != e.sender:
            receivers.append(e.receiver)
    return [
        Altered(session, phase, step, kind, sender, tuple(receivers), difference)
        for (session, phase, step, kind, difference, sender), receivers in found.items()
    ]


def _difference(lab: OpenLab, change: Change) -> tuple[str, str, str]:
    """Step, kind, and in a few words how what was sent differs from what was due."""
    label, kind = change.due.label, change.due.kind
    if not change.sent:
        return label, kind, "nothing is sent"
    if len(change.sent) > 1:
        return label, kind, f"{len(change.sent)} messages are sent in place of one"
    (data,) = change.sent
    due_header, due = wire.decode(lab.field, change.due.data)
    try:
        header, sent = wire.decode(lab.field, data)
    except wire.WireError as error:
        return label, kind, f"what is sent cannot be read: {error}"
    for name in ("session", "round", "history"):
        if getattr(header, name) != getattr(due_header, name):
            return label, kind, f"it is marked as of another {name}"
    if len(sent) != len(due):
        return label, kind, f"{len(sent)} sections are sent in place of {len(due)}"
    for s, d in zip(sent, due, strict=True):
        if (s.label, s.kind) != (d.label, d.kind):
            return d.label, d.kind, f"it is sent under another name, {s.label!r}"
        if len(s.parts) != len(d.parts):
            told = f"{len(s.parts)} parts are sent in place of {len(d.parts)}"
            return d.label, d.kind, told
        for k, (new, old) in enumerate(zip(s.parts, d.parts, strict=True)):
            told = _unlike(lab, new, old)
            if told:
                return d.label, d.kind, f"{_part(k, len(d.parts))}{told}"
    return label, kind, "the bytes differ"


def _part(k: int, parts: int) -> str:
    return f"in part {k}, " if parts > 1 else ""


def _unlike(lab: OpenLab, new: Part, old: Part) -> str:
    """How a part differs; "" if it does not."""
    if isinstance(new, bytes) or isinstance(old, bytes):
        same = isinstance(new, bytes) and isinstance(old, bytes) and new == old
        return "" if same else "other bytes are sent than were due"
    if new.shape != old.shape:
        return f"{new.size} numbers are sent in place of {old.size}"
    places = np.flatnonzero(new.reshape(-1) != old.reshape(-1))
    if not places.size:
        return ""
    at = int(places[0])
    a, b = int(new.reshape(-1)[at]), int(old.reshape(-1)[at])
    p, more = lab.field.modulus, f" (and {places.size - 1} more)" * (places.size > 1)
    entry = f"entry {at}" if old.size > 1 else "the number"
    inside = new.dtype == np.uint64
    up, down = ((a - b) % p, (b - a) % p) if inside else (a - b, b - a)
    for by, word in sorted([(up, "more"), (down, "less")]):
        if 0 < by < 10**6:
            return f"{entry} is {by} {word} than due{', in the field' * inside}{more}"
    return f"{entry} is another one than due{more}"


# -- what the coalition saw ---------------------------------------------------------------------


def _glimpses(play: Play) -> list[Glimpse]:
    lab = play.lab
    assert lab is not None
    members = set(play.corrupt)
    steps: dict[tuple[int | None, str, str], tuple[dict[str, str], dict[str, str]]] = {}
    for number, r in enumerate(lab.transcript.records):
        if (r.session, r.phase) != (play.session, play.phase):
            continue
        came, went = r.receiver in members, r.sender in members
        if came == went:  # among honest parties, or among themselves
            continue
        for section in _sections(lab, number, r):
            found = steps.setdefault((r.round, section.label, section.kind), ({}, {}))
            value = "; ".join(short(part) for part in section.parts[:3])
            if came:
                found[0].setdefault(r.sender, value)
            else:
                found[1].setdefault(f"{r.sender} \u2192 {r.receiver}", value)
    for change in play.changes:  # where it kept silent, there may be nothing else
        e = change.due
        if (e.session, e.phase) == (play.session, play.phase) and e.receiver != e.sender:
            for section in wire.decode(lab.field, e.data)[1]:
                if (e.round, section.label, section.kind) not in steps and not change.sent:
                    steps[e.round, section.label, section.kind] = ({}, {})
    opened = _opened(play)
    out = []
    for (_, label, kind), (received, sent) in steps.items():
        altered = [
            f"{a.sender}: {a.difference}" for a in play.altered
            if (a.session, a.phase) == (play.session, play.phase)
            and _among(label, a.step) and _among(kind, a.kind)
        ]
        out.append(
            Glimpse(
                label, kind, tuple(received.items()), _once(sent), opened.get((label, kind), ""),
                tuple(dict.fromkeys(altered)), conclusions(kind, label) if received else (),
            )
        )
    return out


def _once(sent: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """The same word of one sender to several receivers stands once."""
    found: dict[tuple[str, str], list[str]] = {}
    for way, value in sent.items():
        sender, _, receiver = way.partition(" \u2192 ")
        found.setdefault((sender, value), []).append(receiver)
    return tuple(
        (f"{sender} \u2192 {listed(receivers)}", value)
        for (sender, value), receivers in found.items()
    )


def _sections(lab: OpenLab, number: int, r: Record) -> list[wire.Section]:
    raw = lab.network.contents[number]
    try:
        return wire.decode(lab.field, raw)[1]
    except wire.WireError:
        return [wire.Section(r.step, r.kind, (raw,))]


def _opened(play: Play) -> dict[tuple[str, str], str]:
    """The sums of all shares that were opened, as the coalition computes them for itself."""
    found: dict[tuple[str, str], str] = {}
    for coalition in play.lab.coalitions if play.lab is not None else ():
        labels = {s.label for s in coalition.seen
                  if s.session == play.session and s.phase == play.phase and s.kind == "open"}
        for label in labels:
            for value in coalition.opened(label, play.session):
                found[label, "open"] = short(value)
    return found


def short(value: Any) -> str:
    """A part of a message, shortened: a number or a few, or some bytes.

    >>> short(np.arange(5, dtype=np.uint64)), short(bytes(40))
    ('0, 1, 2, ... (5)', '000000000000... (40 bytes)')
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        raw = bytes(value)
        return f"{raw[:6].hex()}... ({len(raw)} bytes)" if len(raw) > 6 else raw.hex() or "nothing"
    array = np.asarray(value)
    few = 3 if not array.size or int(np.max(np.abs(array))) < 10**6 else 1
    first = ", ".join(str(v) for v in array.reshape(-1)[:few])
    return f"{first}, ... ({array.size})" if array.size > few else first or "nothing"


def listed(names: Sequence[str]) -> str:
    """Parties in words.

    >>> listed(["server 2", "server 1", "requester"]), listed(["users"])
    ('servers 2 and 1 and the requester', 'a dummy user')
    """
    numbers = [name.split()[1] for name in names if is_server(name)]
    others = [
        {"users": "a dummy user", "requester": "the requester"}.get(name, name)
        for name in names if not is_server(name)
    ]
    parts = []
    if numbers:
        several = ", ".join(numbers[:-1]) + f" and {numbers[-1]}" if len(numbers) > 1 else ""
        parts.append(f"servers {several}" if several else f"server {numbers[0]}")
    parts += others
    if len(parts) > 2:
        return ", ".join(parts[:-1]) + f" and {parts[-1]}"
    return " and ".join(parts)
