"""The Lab as a workbench: own protocols and material, what it returns, how it fails, how it ends.

Nothing may hang, nothing may come out after an abort, and everything that goes wrong is a sentence.
"""

import asyncio
import contextlib
import copy
import functools
import gc
import pickle
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest

from mpclab import (
    Abort,
    InputError,
    Lab,
    MaterialError,
    MpclabError,
    Refused,
    Rejected,
    SecretArray,
    floor_divide,
    less,
    multiply,
    reveal,
    together,
    where,
)
from mpclab.adversary import alter
from mpclab.errors import Deadlock
from mpclab.network.rounds import Receive, Round, exchange
from mpclab.preprocessing.material import Entry, InputMasks, Triples, ZeroTest
from mpclab.preprocessing.pool import Pool
from mpclab.protocols.checks import check_openings, commit_coin
from mpclab.sharing import Share
from tests.cheating import DROP, Cheat, changed, value


@pytest.fixture(params=[2, 3])
def lab(request):
    with Lab(request.param, seed=1, network="ideal") as made:
        yield made


def works(lab):
    """A lab that is ready does what it should."""
    assert lab.state == "ready"
    x = lab.secret([3, -4])
    return (x * x).reveal().tolist() == [9, 16]


def is_over(lab, state):
    """A lab that has ended says why, and gives nothing more."""
    assert lab.state == state
    assert state in repr(lab)
    for use in (lambda: lab.secret(1), lambda: lab.run(nothing),
                lambda: lab.preprocess([ZeroTest()]), lambda: lab.client("a").upload(1)):
        with pytest.raises(Abort, match=f"this lab is {state}: nothing more comes out of it"):
            use()
    assert all(not s.storage for s in lab.servers)
    return True


async def nothing(party):
    return None


async def square(party, x):
    return await multiply(party, x, x)


# -- arguments and results ------------------------------------------------------------------------

Pair = namedtuple("Pair", "secret public")


def test_results_of_every_kind(lab):
    x = lab.secret([3, -4])

    async def kinds(party, x):
        shown = await reveal(party, x)
        return x, shown, [x * 2, (shown[0], None)], None, 7, "text", ()

    share, shown, inner, none, seven, text, empty = lab.run(kinds, x)
    assert isinstance(share, SecretArray)
    assert share.reveal().tolist() == [3, -4]
    assert isinstance(shown, np.ndarray)
    assert shown.dtype == np.uint64
    assert lab.field.signed(shown).tolist() == [3, -4]
    shown[0] = 0  # a copy of one's own
    assert isinstance(inner, list)
    assert isinstance(inner[1], tuple)
    assert inner[0].reveal().tolist() == [6, -8]
    assert inner[1] == (3, None)
    assert (none, seven, text, empty) == (None, 7, "text", ())
    assert lab.run(nothing) is None


def test_arguments_of_every_kind(lab):
    x, y = lab.secret([1, 2, 3]), lab.client("bob").upload(10)

    async def mix(party, x, factor, y, table, name):
        assert isinstance(x, Share)
        assert isinstance(y, Share)
        assert (table.tolist(), name) == ([5, 6, 7], "name")
        return x * factor + y + table

    assert lab.run(mix, x, 2, y, np.array([5, 6, 7]), "name").reveal().tolist() == [17, 20, 23]
    assert lab.run(lambda party, x: multiply(party, x, x), x).reveal().tolist() == [1, 4, 9]
    assert lab.run(functools.partial(floor_divide, divisor=2, bits=9), x).reveal().tolist() == [
        0, 1, 1
    ]


def test_phases_have_names(lab):
    x = lab.secret([1])
    lab.run(square, x, phase="prepare")
    phases = [r.phase for r in lab.transcript.records]
    assert list(dict.fromkeys(phases)) == ["preprocess", "upload", "prepare"]


def test_a_result_keeps_no_fraction(lab):
    x = lab.secret([1.5])
    assert lab.run(square, x).fraction == 0


def test_a_named_tuple_is_a_tuple():
    async def pair(party, x):
        return Pair(x, 1)

    lab = Lab(seed=1)
    assert lab.run(pair, lab.secret(3)).public == 1


def test_a_dict_of_shares():
    async def named(party, x):
        return {"x": x}

    lab = Lab(seed=1)
    try:
        result = lab.run(named, lab.secret(3))
    except InputError:
        return
    assert isinstance(result["x"], SecretArray)


def test_servers_that_return_different_public_values():
    async def who(party):
        return party.index

    with pytest.raises(MpclabError):
        Lab(seed=1).run(who)


async def other_lengths(party, x):
    return (x,) * (party.index + 1)


async def other_kinds(party, x):
    return 5 if party.index else x


async def other_kinds_reversed(party, x):
    return x if party.index else 5


@pytest.mark.parametrize("protocol", [other_lengths, other_kinds, other_kinds_reversed],
                         ids=lambda f: f.__name__)
def test_servers_that_return_different_things(protocol):
    lab = Lab(seed=1)
    x = lab.secret([1])
    try:
        lab.run(protocol, x)
    except MpclabError:
        return
    except ValueError as error:
        pytest.fail(str(error))
    pytest.fail("something was returned")


def test_secrets_in_a_list_are_secrets():
    async def both(party, pair):
        return await multiply(party, pair[0], pair[1])

    lab = Lab(seed=1)
    x = lab.secret([3])
    assert lab.run(both, [x, x]).reveal().tolist() == [9]


def test_a_protocol_cannot_change_a_stored_secret():
    async def careless(party, x):
        x.data[...] = 0
        return x

    lab = Lab(seed=1)
    x = lab.secret([3])
    with contextlib.suppress(ValueError):  # read-only
        lab.run(careless, x)
    assert lab.god.value(x).tolist() == [3]


# -- material of one's own ------------------------------------------------------------------------


@dataclass(frozen=True)
class Squares:
    """<a> and <a^2>."""

    count: int
    long_lived = False

    def layout(self):
        return Entry("a", (self.count,), uniform=True), Entry("aa", (self.count,))

    def derive(self, field, uniform, memory):
        return {"aa": field.mul(uniform["a"], uniform["a"])}


async def cheap_square(party, x):
    """x^2 = d^2 + 2 d a + a^2 for d = x - a: one opening of half a multiplication's length."""
    held = party.take(Squares(x.size))
    d = await party.open_masked(x - held["a"], "x - a")
    return held["aa"] + held["a"] * (party.field.add(d, d)) + party.field.mul(d, d)


def test_a_protocol_with_material_of_its_own(lab):
    x = lab.secret([5, -6, 0])
    cost = lab.predict(cheap_square, x)
    assert (cost.rounds, cost.elements) == (1, 3 * (lab.n - 1))
    assert cost.material == {Squares(3): 1}
    y = lab.run(cheap_square, x)
    assert lab.god.mac_holds(y)
    assert y.reveal().tolist() == [25, 36, 0]
    assert any(r.step == "Squares" and r.phase == "preprocess" for r in lab.transcript.records)
    assert any(r.step == "cheap_square/x - a" for r in lab.transcript.records)


# -- what is wrong with a protocol ------------------------------------------------------------


async def forgot_last(party, x):
    return multiply(party, x, x)


async def forgot_last_of_two(party, x):
    await multiply(party, x, x)
    return reveal(party, x)


def plain(party, x):
    return x


async def stream(party, x):
    yield x


async def sleeps(party, x):
    await asyncio.sleep(0)
    return x


async def awaits_a_number(party, x):
    return await together(less(party, x, 0), 5)


async def awaits_a_list(party, x):
    class Own:
        def __await__(self):
            yield [1]

    return await Own()


SENTENCES = {
    forgot_last: "forgot_last returned a coroutine: an `await` is missing",
    forgot_last_of_two: "forgot_last_of_two returned a coroutine: an `await` is missing",
    plain: r"plain is not a protocol: define it with `async def plain\(party, ...\)`",
    stream: "stream is not a protocol",
    sleeps: r"awaited NoneType, which is none of mpclab's rounds: .*\(asyncio's do not work here\)",
    awaits_a_list: "awaited list, which is none of mpclab's rounds",
}


@pytest.mark.parametrize("protocol", SENTENCES, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_is_no_protocol_is_told(lab, protocol):
    x = lab.secret([3])
    with pytest.raises(InputError, match=SENTENCES[protocol]):
        lab.run(protocol, x)
    assert lab.state == "ready"
    assert works(lab)


async def forgot_and_added(party, x):
    return multiply(party, x, x) + x


async def forgot_and_added_left(party, x):
    return x + multiply(party, x, x)


async def forgot_and_multiplied(party, x):
    return await multiply(party, multiply(party, x, x), x)


async def forgot_and_revealed(party, x):
    return await reveal(party, multiply(party, x, x))


async def forgot_and_chose(party, x):
    return await where(party, less(party, x, 0), x, 0)


async def forgot_in_a_tuple(party, x):
    return x, multiply(party, x, x)


FORGETFUL = [forgot_and_added, forgot_and_added_left, forgot_and_multiplied, forgot_and_revealed,
             forgot_and_chose, forgot_in_a_tuple]


@pytest.mark.parametrize("protocol", FORGETFUL, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_await_forgotten_in_the_middle_is_told(protocol):
    lab = Lab(seed=1)
    x = lab.secret([3])
    with pytest.raises(MpclabError, match="await"):
        lab.run(protocol, x)
    gc.collect()  # what was never awaited is told of here, and not in a later test


@pytest.mark.parametrize("protocol", FORGETFUL, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_forgotten_await_ends_no_lab(protocol):
    lab = Lab(seed=1)
    x = lab.secret([3])
    with contextlib.suppress(AttributeError, InputError):
        lab.run(protocol, x)
    assert works(lab)
    gc.collect()  # what was never awaited is told of here, and not in a later test


def test_a_generator_is_no_protocol():
    def generator(party, x):
        yield x

    lab = Lab(seed=1)
    x = lab.secret([3])
    with pytest.raises(MpclabError):
        lab.run(generator, x)


def test_too_few_arguments_are_pythons_own_error(lab):
    x = lab.secret([3])
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        lab.run(multiply, x)
    assert works(lab)


# -- servers that take different turns -------------------------------------------------------


async def one_multiplies(party, x):
    return await multiply(party, x, x) if party.index == 0 else x


async def one_reveals_first(party, x):
    if party.index == 0:
        await reveal(party, x)
    return await multiply(party, x, x)


async def other_labels(party, x):
    return await party.open_masked(x, f"opening {party.index}")


async def other_shapes(party, x):
    return await party.open_masked(x.reshape(-1)[: 1 + party.index], "opening")


async def one_listens_to_nobody(party, x):
    if party.index == 0:
        return await party.receive("nobody", "a", "b")
    return await multiply(party, x, x)


async def other_order(party, x):
    steps = [multiply(party, x, x), less(party, x, 0)]
    return await together(*(steps if party.index else steps[::-1]))


TURNS = [one_multiplies, one_reveals_first, other_labels, other_shapes, one_listens_to_nobody,
         other_order]


@pytest.mark.parametrize("protocol", TURNS, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
def test_servers_that_take_different_turns_abort_and_never_hang(lab, protocol):
    x = lab.secret([3, 4])
    with pytest.raises((Abort, Deadlock), match=f"step '{protocol.__name__}|nobody can go on"):
        lab.run(protocol, x)
    assert works(lab)  # the dry run has found it


def test_servers_that_take_different_material():
    async def other_material(party, x):
        party.take(Triples(1 + party.index))
        return await multiply(party, x, x)

    lab = Lab(seed=1)
    with pytest.raises(Abort):
        lab.run(other_material, lab.secret([3, 4]))
    assert works(lab)


async def waits_for_each_other(party, x):
    peer = f"server {(party.index + 1) % party.n}"
    await exchange(Round((), (Receive(peer, "never", "b", ()),)))


def test_a_deadlock_names_step_and_servers(lab):
    with pytest.raises(Deadlock) as caught:
        lab.run(waits_for_each_other, lab.secret([3]))
    for i in range(lab.n):
        assert (
            f"server {i} is at step 'waits_for_each_other/never' and waits for "
            f"server {(i + 1) % lab.n}" in str(caught.value)
        )
    assert works(lab)


def later(protocol):
    """The protocol goes wrong in earnest only: the dry run finds nothing."""

    @functools.wraps(protocol)
    async def run(party, x):
        await multiply(party, x, x)
        if party.endpoint.session == "dry run":
            return None
        return await protocol(party, x)

    return run


@pytest.mark.parametrize(
    "protocol", [one_multiplies, other_labels, other_shapes, waits_for_each_other],
    ids=lambda f: f.__name__,
)
def test_different_turns_that_no_dry_run_finds_end_the_lab(protocol):
    lab = Lab(3, seed=1)
    x = lab.secret([3, 4])
    with pytest.raises((Abort, Deadlock, MaterialError)) as caught:
        lab.run(later(protocol), x)
    kind = type(caught.value).__name__
    assert is_over(lab, "aborted" if kind == "Abort" else f"ended by {kind}")
    with pytest.raises(Abort):
        x.reveal()


# -- too little material, and ends of all kinds ---------------------------------------------------


@pytest.mark.parametrize("n", [2, 3])
def test_too_little_material_is_named(n):
    lab = Lab(n, seed=1)
    x = lab.god.share([1, 2])
    with pytest.raises(MaterialError, match=r"server 0 has no Triples\(count=2\) left"):
        lab.each(multiply, x, x)
    lab.preprocess([Triples(2)])
    assert len(lab.each(multiply, x, x)) == n
    with pytest.raises(MaterialError):
        lab.each(multiply, x, x)
    assert works(lab)


class Stop(Exception):
    pass


@pytest.mark.parametrize("kind", [KeyboardInterrupt, Stop, ValueError, InputError, MemoryError])
def test_an_exception_in_the_middle_ends_the_lab_and_burns_its_material(kind):
    lab = Lab(3, seed=1)
    x = lab.secret([3, 4])

    async def interrupted(party, x):
        y = await multiply(party, x, x)
        if party.index == 1 and party.endpoint.session != "dry run":
            raise kind("in the middle")
        return await multiply(party, x, y)

    with pytest.raises((kind, Abort)):
        lab.run(interrupted, x)
    assert lab.state in (f"ended by {kind.__name__}", "aborted")
    assert is_over(lab, lab.state)
    with pytest.raises(Abort):
        x.reveal()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
def test_an_exception_in_the_dry_run_costs_nothing(lab, kind):
    async def interrupted(party, x):
        raise kind("at once")

    x = lab.secret([3])
    messages = len(lab.transcript)
    with pytest.raises(kind):
        lab.run(interrupted, x)
    assert len(lab.transcript) == messages
    assert works(lab)


@pytest.mark.parametrize("put", [1, 3])
def test_an_interrupt_while_material_is_made(monkeypatch, put):
    lab = Lab(2, seed=1)
    x = lab.god.secret([3])
    real, calls = Pool.put, []

    def interrupted(self, *args):
        calls.append(args)
        if len(calls) == put + 1:
            raise KeyboardInterrupt
        real(self, *args)

    monkeypatch.setattr(Pool, "put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lab.preprocess([Triples(1), ZeroTest()])
    monkeypatch.undo()
    if lab.state == "ready":
        assert (x * x).reveal().tolist() == [9]


def test_the_context_manager_closes_whatever_happens():
    with Lab(seed=1) as lab:
        assert lab.state == "ready"
        assert works(lab)
    assert is_over(lab, "closed")
    lab.close()
    assert lab.state == "closed"
    assert len(lab.transcript) > 0
    with pytest.raises(Stop), Lab(seed=1) as other:
        raise Stop
    assert is_over(other, "closed")


def test_a_lab_that_was_aborted_stays_so():
    lab = Lab(seed=1, adversary=alter("square/x - a, y - b"), corrupt=["server 1"])
    with pytest.raises(Abort, match="the MAC check failed"), lab:
        lab.run(square, lab.secret([3])).reveal()
    assert is_over(lab, "aborted")


# -- what leaves has been checked ------------------------------------------------------------------


async def shown(party, x):
    return await party.open_masked(x, "now")


async def shown_in_a_list(party, x):
    return [x, (await party.open_masked(x, "now"), None)]


@pytest.mark.parametrize("protocol", [shown, shown_in_a_list], ids=lambda f: f.__name__)
@pytest.mark.parametrize("n", [2, 3])
def test_a_public_result_leaves_only_after_a_check(protocol, n):
    step = f"{protocol.__name__}/now"
    lab = Lab(n, seed=1)
    result = lab.run(protocol, lab.secret([5]))
    assert (result if protocol is shown else result[1][0]).tolist() == [5]
    assert not any(p.unchecked for p in lab._main.parties)

    cheat = alter(step, by=37)
    lab = Lab(n, seed=1, adversary=cheat, corrupt=["server 1"])
    x = lab.secret([5])
    with pytest.raises(Abort, match="the MAC check failed"):
        lab.run(protocol, x)
    assert cheat.altered
    assert is_over(lab, "aborted")


def test_a_cheat_in_an_earlier_run_is_found_before_anything_public_leaves():
    lab = Lab(3, seed=1, adversary=alter("square/x - a, y - b"), corrupt=["server 2"])
    x = lab.secret([5])
    y = lab.run(square, x)  # shares only: nothing leaves, so nothing is checked yet
    assert lab.state == "ready"
    with pytest.raises(Abort, match="the MAC check failed"):
        y.reveal()
    assert is_over(lab, "aborted")


@pytest.mark.parametrize("leave", ["upload", "reveal_to"])
def test_a_cheat_in_an_earlier_run_is_found_before_a_client_learns_anything(leave):
    lab = Lab(3, seed=1, adversary=alter("square/x - a, y - b"), corrupt=["server 2"])
    y = lab.run(square, lab.secret([5]))
    with pytest.raises((Abort, Refused)):
        y.reveal_to(lab.client("carol")) if leave == "reveal_to" else lab.secret(1)
    assert not any(r.kind == "output" for r in lab.transcript.records)
    assert is_over(lab, "aborted")


def test_a_check_of_ones_own_is_not_made_twice(lab):
    async def careful(party, x):
        coin = await commit_coin(party)
        opened = await party.open_masked(x, "now")
        await check_openings(party, coin)
        return opened

    x = lab.secret([5])
    assert lab.predict(careful, x).rounds == 6
    assert lab.run(careful, x).tolist() == [5]


# -- clients --------------------------------------------------------------------------------------


def test_only_the_client_learns_what_is_revealed_to_it(lab):
    x = lab.client("alice").upload([123456789, -5])
    carol = lab.client("carol")
    assert x.reveal_to(carol).tolist() == [123456789, -5]
    assert lab.client("carol") is carol
    kinds = {(r.sender[:6], r.kind) for r in lab.transcript.records if r.receiver == "carol"}
    assert kinds == {("server", "output")}
    opened = lab.view(servers=range(lab.n - 1), clients=["alice"])
    opened = opened[opened["kind"] != "input"]  # alice's own, which she may know
    assert not any(
        123456789 in np.ravel(v).tolist() for v in opened["value"] if isinstance(v, np.ndarray)
    )
    assert lab.client("bob").upload(1).reveal_to(carol) == 1


@pytest.mark.parametrize("part", [0, 1, 2, 3])
@pytest.mark.parametrize("n", [2, 3])
def test_an_altered_result_is_rejected_and_the_lab_goes_on(n, part):
    lab = Lab(n, seed=1)
    x = lab.secret([5, 6])
    cheat = Cheat(lab, "server 1", "reveal_to/result", value(part))
    with pytest.raises(Rejected, match="server"):
        x.reveal_to(lab.client("carol"))
    assert cheat.hits == 1
    lab.network.adversary = None
    assert x.reveal_to(lab.client("carol")).tolist() == [5, 6]
    assert works(lab)


@pytest.mark.parametrize("edit", [value(), value(at=1, by=3), lambda m: DROP, lambda m: b"noise"],
                         ids=["first", "second", "dropped", "noise"])
@pytest.mark.parametrize("n", [2, 3])
def test_an_upload_that_differs_is_refused_and_the_lab_goes_on(n, edit):
    lab = Lab(n, seed=1)
    kept = lab.client("bob").upload([1, 2])
    cheat = Cheat(lab, "alice", "upload/input", edit, to=["server 1"])
    with pytest.raises(Refused, match="the input of alice did not arrive, or not the same"):
        lab.client("alice").upload([5, 6])
    assert cheat.hits == 1
    lab.network.adversary = None
    assert (lab.client("alice").upload([5, 6]) * kept).reveal().tolist() == [5, 12]
    assert works(lab)


def test_a_client_that_checks_its_masks_in_two_ways_is_refused(lab):
    Cheat(lab, "alice", "upload/masks", value(), to=["server 0"])
    with pytest.raises(Refused):
        lab.client("alice").upload([5, 6])
    lab.network.adversary = None
    assert works(lab)


def test_a_server_that_alters_a_mask_gets_no_input():
    lab = Lab(3, seed=1)
    Cheat(lab, "server 1", "upload/masks", value(1), kind="mask")
    messages = len(lab.transcript)
    with pytest.raises((Refused, Rejected)):
        lab.client("alice").upload([5, 6])
    sent = [r for r in lab.transcript.records[messages:] if r.sender == "alice"]
    assert {r.kind for r in sent} == {"chi"}
    lab.network.adversary = None
    assert works(lab)


def test_every_share_of_an_upload_takes_a_fresh_mask(lab):
    for _ in range(3):
        lab.secret([7, 7])
    dealt = [r for r in lab.transcript.records if r.step == "InputMasks"]
    assert len(dealt) == 3 * lab.n
    assert all(s.pool.count(InputMasks(2)) == 0 for s in lab.servers)


# -- labs do not mix, seeds repeat ------------------------------------------------------------


def test_secrets_of_another_lab_are_refused(lab):
    other = Lab(lab.n, seed=1)
    x = other.secret([3])
    for use in (lambda: lab.run(square, x), lambda: lab.god.value(x), lambda: lab.held(x, 0),
                lambda: x.reveal_to(lab.client("carol")), lambda: lab.secret([1]) * x):
        with pytest.raises(InputError, match="lab"):
            use()
    assert works(lab)
    assert works(other)


@pytest.mark.filterwarnings("always:coroutine:RuntimeWarning")
def test_a_client_does_not_begin_with_another_labs_secret(recwarn):
    lab, x = Lab(seed=1), Lab(seed=1).god.secret([3])
    with pytest.raises(InputError, match="belongs to another lab"):
        lab.client("carol").receive(x)
    gc.collect()
    assert [str(w.message) for w in recwarn] == []


def story(seed, changes=0):
    with Lab(3, seed=seed) as lab:
        x = lab.client("alice").upload([3, -4, 5 + changes])
        y = (x * x > 10).reveal()
        lab.run(cheap_square, x).reveal_to(lab.client("bob"))
        return y.tolist(), list(lab.network.contents.values()), lab.god.key


def test_a_seed_repeats_everything_and_no_seed_nothing():
    one, again, other = story(5), story(5), story(6)
    assert one == again
    assert one[0] == other[0]
    assert one[1:] != other[1:]
    free, free_again = story(None), story(None)
    assert free[0] == one[0]
    assert free[2] != free_again[2]
    assert len({bytes(c) for c in free[1]} & {bytes(c) for c in free_again[1]}) == 0
    assert "for teaching" in repr(Lab(seed=5))
    assert "for teaching" not in repr(Lab())


def test_what_others_do_not_see_changes_nothing_for_them():
    """Of two seeded stories with different inputs, servers receive different masked inputs only."""
    one, other = story(5)[1], story(5, changes=1)[1]
    assert [len(m) for m in one] == [len(m) for m in other]
    assert one != other


def test_helpers_of_the_tests_do_what_they_say():
    assert changed(Lab(seed=1).field, np.array([1], np.uint64)).tolist() == [2]


# -- sessions side by side --------------------------------------------------------------------


def test_another_session_does_not_get_round_the_check():
    """Openings of `run` are checked before `each` begins, and those of `each` by the next check."""
    step = "multiply/x - a, y - b"
    lab = Lab(2, seed=1, adversary=alter(step, by=1), corrupt=["server 1"])
    c = lab.run(multiply, lab.secret([6]), lab.secret([777]))
    with pytest.raises(Abort, match="MAC check"):
        lab.each(reveal, [lab.held(c, i) for i in range(2)])

    lab = Lab(2, seed=1, adversary=alter("x - a, y - b", by=5), corrupt=["server 1"])
    lab.preprocess([Triples(1)])
    x, y = lab.god.share([6]), lab.god.share([7])
    with pytest.raises(Abort, match="MAC check"):
        lab.keep(lab.each(multiply, x, y)).reveal()


def test_a_protocol_that_catches_the_abort_gets_nothing_out():
    async def stubborn(party, x):
        v = await party.open_masked(x, "v")
        with contextlib.suppress(Exception):
            await check_openings(party, await commit_coin(party))
        return v

    lab = Lab(3, seed=1, adversary=alter("stubborn/v", by=5), corrupt=["server 1"])
    with pytest.raises(Abort, match="nothing more comes out"):
        lab.run(stubborn, lab.secret([42]))


def test_what_serves_once_is_not_copied():
    lab = Lab(2, seed=1)
    for thing in (lab, lab.servers[0], lab.servers[0].pool, lab.dealer):
        for way in (pickle.dumps, copy.deepcopy, copy.copy):
            with pytest.raises(TypeError, match="cannot pickle or copy"):
                way(thing)


def test_a_server_cannot_compare_its_share():
    share = Lab(2, seed=1).god.share([3])[0]
    for compare in (lambda x: x == 3, lambda x: x != 3, lambda x: x < 3, lambda x: x <= 3):
        with pytest.raises(TypeError, match="await equal"):
            compare(share)
