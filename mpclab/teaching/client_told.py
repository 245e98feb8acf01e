"""One upload and one output in words: what happens at a step, and what everybody holds and sends.

Of what `mpclab.teaching.client_run` has run; `mpclab.teaching.clients` makes a page of it.

>>> from mpclab.teaching.client_run import client_run
>>> happens(client_run(42, 3, 101, "", 5), "O2", "", False)
'The MAC check of everything that was opened for this result passes.'
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mpclab.conclusions import conclusion
from mpclab.teaching.canvas import number
from mpclab.teaching.client_run import CLIENT, STEPS, Run, cheat_of, parties

__all__ = ["Card", "card_of", "concludes", "happens", "values"]


@dataclass(frozen=True)
class Card:
    """What one party holds at a step, and what it sends and receives in it.

    Attributes
    ----------
    party : str
        "client" or "server 0", "server 1" and so on.
    holds, sends, receives : tuple of str
        Numbers with their names.
    """

    party: str
    holds: tuple[str, ...]
    sends: tuple[str, ...]
    receives: tuple[str, ...]


def values(run: Run) -> dict[str, int]:
    """What is known to somebody or can be computed, by name, as far as the run went.

    >>> from mpclab.teaching.client_run import client_run
    >>> found = values(client_run(42, 3, 101, "", 5))
    >>> found["d"] == (42 - found["r"]) % 101
    True
    """
    p, sent = run.p, run.sent
    found = {"x": run.x}
    if "I1" in sent:
        found["r_0"] = sum(v[0] for v in sent["I1"].values()) % p
        found["r"] = sum(v[1] for v in sent["I1"].values()) % p
    if "I2" in sent:
        found["chi"] = sent["I2"][CLIENT, f"server {run.n - 1}"][0]
        found["own"] = (found["r_0"] + found["chi"] * found["r"]) % p
    if "I5" in sent:
        found["h"] = sent["I5"]["server 0", CLIENT][0]
    if "I6" in sent:
        found["d"] = sent["I6"][CLIENT, f"server {run.n - 1}"][0]
    if "O1" in sent:
        opened = {a: v[0] for (a, _), v in sent["O1"].items()}
        found["z"] = sum(opened.values()) % p
    if "O3" in sent:
        columns = list(zip(*sent["O3"].values(), strict=True))
        found |= {
            name: sum(columns[k]) % p for k, name in enumerate(("s_0", "s", "v", "w_0", "w"), 1)
        }
    return found


def happens(run: Run, step: str, cheat: str, caught: bool) -> str:
    """What happens at a step, in words; `caught` if somebody stops there.

    >>> from mpclab.teaching.client_run import client_run
    >>> happens(client_run(42, 3, 101, "", 5), "O3", "", False)
    'Only now every server sends the client z and its shares of the mask: r_0, r, v and ...'
    """
    v, liar = values(run), run.n - 1
    alone = "The client is refused, alone, and nobody else is affected."

    def lied(at: str, name: str, true: int, told: int) -> str:
        how = cheat_of(cheat)
        if how is None or how.at != at or cheat == "hash":
            return ""
        if how.by == "client":
            return f" Server 0 is told {told}, the others {true}."
        return f" But server {liar} sends {name} = {told} in place of {true}."

    if step == "start":
        return (
            "The servers hold shares of r_0 and r, dealt before anything was known; nobody knows r "
            f"itself. The client has x = {run.x}, and no key of any kind. (In the cards [r] is a "
            "share of r.)"
        )
    if step == "I1":
        sent = run.sent["I1"][f"server {liar}", CLIENT][1]
        extra = lied("I1", "[r]", run.held["r"][liar], sent)
        return (
            "Every server sends the client its shares of r_0 and r. It adds them up: "
            f"r_0 = {v['r_0']}, r = {v['r']}.{extra}"
        )
    if step == "I2":
        extra = lied("I2", "chi", v["chi"], run.sent["I2"][CLIENT, "server 0"][0])
        return f"The client draws chi = {v['chi']} and sends it to every server.{extra}"
    if step == "I3":
        if caught:
            return (
                f"Server 0 got another chi than the rest: they would add up other sums. {alone}"
            )
        return "The servers tell each other which chi they got. All got the same: they go on."
    if step == "I4":
        return f"The servers open h = r_0 + chi r = {v['h']}, and check its MAC."
    if step == "I5":
        own = f"Each sends h = {v['h']} to the client, whose own r_0 + chi r is {v['own']}."
        if caught:
            return f"{own} Some server lied: the client stops, and x has not left it."
        if v["h"] == v["own"] and cheat == "mask share":
            return f"{own} They agree by luck, as once in {number(run.p)} times."
        return f"{own} All copies agree with it: r is what the servers hold."
    if step == "I6":
        extra = lied("I6", "x - r", v["d"], run.sent["I6"][CLIENT, "server 0"][0])
        told = f"x - r = {run.x} - {v['r']} = {v['d']}"
        return f"Only now the client sends {told} modulo {number(run.p)}, to all servers.{extra}"
    if step == "I7":
        if caught and cheat == "masked input":
            return f"Server 0 got another x - r than the rest: nothing is stored. {alone}"
        if caught:
            return (
                f"Server {liar} sends a hash of something else. Nothing is stored, although the "
                "client was honest: a refusal never proves that the client cheated."
            )
        stored = sum(run.held["x"]) % run.p
        told = (
            "All hashes are the same. Server 0 adds x - r to its share of r, all adapt their MAC "
            "shares, and the servers hold"
        )
        if stored == run.x:
            return f"{told} x in shares."
        return f"{told} {stored} in shares, which is not x = {run.x}: the lie has slipped through."
    if step == "O1":
        sent = run.sent["O1"][f"server {liar}", "server 0"][0]
        true = (run.held["y"][liar] - run.held["s"][liar]) % run.p
        stored = sum(run.held["x"]) % run.p
        what = "" if stored == run.x else f" for the x = {stored} that they hold"
        return (
            f"Later the servers have computed y = 2 x{what}, each on its shares. They open "
            f"z = y - r = {v['z']} under a fresh mask r, which nobody knows."
            + lied("O1", "[z]", true, sent)
        )
    if step == "O2":
        if caught:
            return "The MAC check fails: what was opened is not what they hold. Nothing leaves."
        return "The MAC check of everything that was opened for this result passes."
    if step == "O3":
        sent = run.sent["O3"][f"server {liar}", CLIENT][2]
        return (
            "Only now every server sends the client z and its shares of the mask: r_0, r, v and "
            "w_0 = v r_0, w = v r."
            + lied("O3", "[r]", run.held["s"][liar], sent)
        )
    product = v["v"] * v["s"] % run.p
    if caught:
        return (
            f"All z agree, but w = {v['w']} and v r = {product}: the client does not accept, and "
            "tells nobody."
        )
    luck = "" if run.result == 2 * run.x % run.p else f", by bad luck, and 2 x is not {run.result}"
    return (
        f"All z agree, w_0 = v r_0 and w = v r = {product}: the client accepts "
        f"y = z + r = {v['z']} + {v['s']} = {run.result}{luck}."
    )


_TOLD_BY = {
    "I1": ("mask", "masks"), "I2": ("chi", "masks"), "I3": ("compare", "chi"),
    "I4": ("open", "h"), "I5": ("echo", "masks"), "I6": ("masked input", "input"),
    "I7": ("hash", "same input"), "O1": ("open", "y - r"), "O2": ("reveal", "zeta reveal"),
    "O3": ("output", "result"),
}  # fmt: skip


def concludes(step: str) -> str:
    """What whoever receives a message of this step can conclude; "" where nothing is sent.

    >>> concludes("I2")
    'A random number that the client has just drawn, to test its masks with. No secret is in it.'
    """
    return "" if step not in _TOLD_BY else conclusion(*_TOLD_BY[step])


def card_of(run: Run, party: str, step: int) -> Card:
    """What a party holds at a step, and what it sends and receives in it.

    >>> from mpclab.teaching.client_run import client_run
    >>> card_of(client_run(42, 3, 101, "", 5), "client", 0).holds
    ('x = 42',)
    """
    name, past = STEPS[step], STEPS[1 : step + 1]
    if party == CLIENT:
        return Card(party, *_told_client(run, name, past))
    return Card(party, *_told_server(run, int(party.split()[1]), name, past))


_Told = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def _told_client(run: Run, step: str, past: Sequence[str]) -> _Told:
    v, servers = values(run), parties(run.n)[1:]
    holds: list[str] = [f"x = {run.x}"]
    sends: list[str] = []
    receives: list[str] = []
    if "O1" not in past:  # after that, other masks serve
        holds += [f"r_0 = {v['r_0']}, r = {v['r']}"] if "I1" in past else []
        holds += [f"chi = {v['chi']}, r_0 + chi r = {v['own']}"] if "I2" in past else []
    elif "O3" in past:
        holds = [f"z = {v['z']}, r_0 = {v['s_0']}, r = {v['s']}",
                 f"v = {v['v']}, w_0 = {v['w_0']}, w = {v['w']}"]  # fmt: skip
    if step == "I1":
        receives = [
            f"[r_0] = {run.sent['I1'][s, CLIENT][0]}, [r] = {run.sent['I1'][s, CLIENT][1]}, "
            f"from {s}"
            for s in servers
        ]
    elif step in ("I2", "I6"):
        what, told = {"I2": "chi", "I6": "x - r"}[step], run.sent[step]
        first, rest = told[CLIENT, servers[0]][0], told[CLIENT, servers[-1]][0]
        sends = [f"{what} = {rest}, to all"]
        if first != rest:
            others = f"server{'s' if run.n > 2 else ''} {_listed(range(1, run.n))}"
            sends = [f"{what} = {first}, to server 0", f"{what} = {rest}, to {others}"]
    elif step == "I5":
        receives = [f"h = {run.sent['I5'][s, CLIENT][0]}, from server {i}"
                    for i, s in enumerate(servers)]  # fmt: skip
    elif step == "O3":
        for s in servers:
            z, s_0, s_1, key, w_0, w = run.sent["O3"][s, CLIENT]
            receives.append(
                f"z = {z}, [r_0] = {s_0}, [r] = {s_1}, [v] = {key}, [w_0] = {w_0}, [w] = {w}, "
                f"from {s}"
            )
    if step == "O4" and run.result is not None:
        holds.append(f"y = {run.result}")
    return tuple(holds), tuple(sends), tuple(receives)


def _told_server(run: Run, i: int, step: str, past: Sequence[str]) -> _Told:
    h, v, me = run.held, values(run), f"server {i}"
    sends: list[str] = []
    receives: list[str] = []
    if "O1" in past:
        holds = [f"[x] = {h['x'][i]}, [y] = {h['y'][i]}",
                 f"[r_0] = {h['s_0'][i]}, [r] = {h['s'][i]}",
                 f"[v] = {h['v'][i]}, [w_0] = {h['w_0'][i]}, [w] = {h['w'][i]}",
                 f"z = {v['z']}"]  # fmt: skip
    else:
        holds = [f"[r_0] = {h['r_0'][i]}, [r] = {h['r'][i]}"]
        holds += [f"chi = {run.sent['I2'][CLIENT, me][0]}"] if "I2" in past else []
        holds += [f"h = {v['h']}"] if "I4" in past else []
        holds += [f"x - r = {run.sent['I6'][CLIENT, me][0]}"] if "I6" in past else []
        holds += [f"[x] = {h['x'][i]}"] if "I7" in past and "x" in h else []
    between = {"I3": "chi", "I4": "[h]", "I7": "hash", "O1": "[z]", "O2": "zeta"}
    if step in between:
        def told(sender: str, receiver: str) -> str:
            value, name = run.sent[step][sender, receiver][0], between[step]
            if step == "I7":
                return f"{name} {value.to_bytes(8, 'little')[:2].hex()}..."
            return f"{name} = {value}"

        others = [name for name in parties(run.n)[1:] if name != me]
        sends = [f"{told(me, others[0])}, to server{'s' if run.n > 2 else ''} "
                 f"{_listed(int(o.split()[1]) for o in others)}"]  # fmt: skip
        receives = [f"{told(o, me)}, from {o}" for o in others]
    elif step == "I1":
        r_0, r = run.sent["I1"][me, CLIENT]
        sends = [f"[r_0] = {r_0}, [r] = {r}"]
    elif step in ("I2", "I6"):
        receives = [f"{'chi' if step == 'I2' else 'x - r'} = {run.sent[step][CLIENT, me][0]}"]
    elif step == "I5":
        sends = [f"h = {run.sent['I5'][me, CLIENT][0]}"]
    elif step == "O3":
        z, s_0, s_1, key, w_0, w = run.sent["O3"][me, CLIENT]
        sends = [f"z = {z}, [r_0] = {s_0}, [r] = {s_1}, [v] = {key}, [w_0] = {w_0}, [w] = {w}"]
    return tuple(holds), tuple(sends), tuple(receives)


def _listed(numbers: Any) -> str:
    names = [str(k) for k in numbers]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


