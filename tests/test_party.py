"""A server's part in one session: what it opens, what it takes, and when it stops."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

from mpclab import wire
from mpclab.client import Client
from mpclab.errors import Abort, InputError, MaterialError, Refused
from mpclab.field import MERSENNE_61, Field
from mpclab.lab import Lab
from mpclab.network.endpoint import Endpoint, server_name
from mpclab.party import Party, Server
from mpclab.preprocessing.material import Triples, ZeroTest
from mpclab.preprocessing.pool import Pool
from mpclab.protocols.checks import Coin, check_openings, commit_coin
from mpclab.randomness import Source, digest
from mpclab.sharing import KeyShare, reconstruct

F = Field()


def one_party(seed=bytes(32)):
    key = KeyShare(F, 1, 3, np.uint64(31415926535))
    server = Server(key, Source(seed), Pool("server 1"))
    return Party(server, Endpoint(server.name, F, 3, "s"))


async def open_both(party, x):
    return await party.open_additive(x.value, "additive"), await party.open_masked(x, "masked")


async def tell(party, client="bob"):
    await party.send(client, "a", "k", b"x")


# -- opening ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("p", [101, 2**31 - 1, MERSENNE_61])
def test_what_is_opened_is_the_secret_at_every_server(n, p):
    lab = Lab(n, modulus=p, seed=1)
    secret = np.array([[0, 1], [p - 1, p // 2]], np.uint64)
    for both in lab.each(open_both, lab.god.share(secret)):
        for value in both:
            assert value.tolist() == secret.tolist()


def test_an_opening_waits_for_its_check():
    lab = Lab(3, seed=1)
    x = lab.god.share([5, 6])
    session = lab.session()
    session.run("online", lambda party: open_both(party, x[party.index])).raise_failure()
    for party, share in zip(session.parties, x, strict=True):
        ((value, mac),) = party.unchecked  # the additive opening has no MAC to check
        assert value.tolist() == [5, 6]
        assert np.array_equal(mac, share.mac)
        with pytest.raises(InputError, match=r"the result may not leave: 1 openings .* MAC check"):
            party.require_checked("the result")
        assert party.take_unchecked() == [(value, mac)]
        assert party.unchecked == []
        party.require_checked("the result")


def test_a_check_empties_the_list():
    lab = Lab(2, seed=1)
    lab.preprocess([], checks=1)

    async def protocol(party, x):
        coin = await commit_coin(party)
        await party.open_masked(x, "x")
        await check_openings(party, coin)
        party.require_checked("the result")
        return "checked"

    assert lab.each(protocol, lab.god.share([5])) == ["checked"] * 2


# -- messages ---------------------------------------------------------------------------------


def test_broadcast_returns_everybodys_parts_in_order():
    async def protocol(party):
        mine = np.array([party.index, 7], np.uint64)
        return await party.broadcast("a", "k", mine, b"%d" % party.index)

    for heard in Lab(3, seed=1).each(protocol):
        assert [(x.tolist(), data) for x, data in heard] == [([i, 7], b"%d" % i) for i in range(3)]
        assert not any(x.flags.writeable for x, _ in heard)


def test_clients_are_heard_and_told():
    lab = Lab(2, seed=1)
    session = lab.session()

    async def protocol(party):
        parts = await party.receive("bob", "ask", "k", wire.elements(2))
        silent = await party.receive("carol", "ask", "k", wire.elements(2))
        await party.send("bob", "answer", "k", parts[0], b"!")
        return parts[0].tolist(), silent

    async def bob(endpoint):
        client = Client(endpoint, lab.source("bob"))
        await client.send_all("ask", "k", np.array([3, 4], np.uint64))
        return await client.receive_all("answer", "k", wire.elements(2), wire.raw(1))

    endpoint = session.endpoint("bob")
    outcomes = session.run("online", protocol, [(endpoint, bob(endpoint))])
    assert outcomes["server 0"] == outcomes["server 1"] == ([3, 4], None)
    assert [(x.tolist(), data) for x, data in outcomes["bob"]] == [([3, 4], b"!")] * 2


# -- material ---------------------------------------------------------------------------------


def test_material_is_taken_once_and_from_the_reserve_first():
    party = one_party()
    pool = party.server.pool
    for serial in range(4):
        pool.put(serial, "masks", {"serial": serial})
    party.reserve(["masks", "masks"])
    assert pool.count("masks") == 2
    assert pool.take("masks")[0] == 2  # another session's
    assert [party.take("masks")["serial"] for _ in range(3)] == [0, 1, 3]
    with pytest.raises(MaterialError, match="server 1 has no 'masks' left: preprocess more"):
        party.take("masks")


def test_reserving_too_much_takes_nothing():
    party = one_party()
    pool = party.server.pool
    pool.put(0, "masks", {})
    pool.put(1, "tests", {})
    with pytest.raises(MaterialError, match="server 1 has 1 of the 2 'masks' that this takes"):
        party.reserve(["tests", "masks", "masks"])
    assert (pool.count("masks"), pool.count("tests")) == (1, 1)


def test_servers_agree_on_which_bundle_they_take():
    """Server 1 has lost a bundle: it would combine with the others' into nonsense."""
    lab = Lab(3, seed=1)
    lab.preprocess([ZeroTest()] * 3)
    lab.servers[1].pool.take(ZeroTest())

    async def protocol(party):
        party.take(ZeroTest())
        await party.broadcast("a", "k", b"x")

    with pytest.raises(Abort, match="saw other broadcasts"):
        lab.each(protocol)


def test_how_a_bundle_goes_into_the_history():
    """Under a name of its own, so that it is taken for nothing else that servers agree on."""
    party = one_party()
    party.server.pool.put(7, "masks", {})
    before = party.endpoint.history
    party.take("masks")
    assert party.endpoint.history == digest(before, b"material", b"7")


@pytest.mark.parametrize("stops", ["abort", "error", "Ctrl-C", "silence"])
def test_what_a_session_reserved_is_burnt_however_it_ends(stops):
    """The pools of all servers stay in step, and no bundle comes a second time."""
    errors = {"abort": Abort("no"), "error": ZeroDivisionError(), "Ctrl-C": KeyboardInterrupt()}
    lab = Lab(3, seed=1)
    lab.preprocess([ZeroTest()] * 5)
    session = lab.session()
    used = []

    async def protocol(party):
        party.reserve([ZeroTest()] * 2)
        used.append(int(party.take(ZeroTest())["t"].sum()))
        await party.broadcast("a", "k", b"x")
        if party.index == 1 and stops in errors:
            raise errors[stops]
        if party.index == 1:
            return
        await party.broadcast("b", "k", b"x")

    try:
        session.run("online", protocol).raise_failure()
    except (Abort, ZeroDivisionError, KeyboardInterrupt):
        pass
    else:
        raise AssertionError("it ended well")
    assert [s.pool.count(ZeroTest()) for s in lab.servers] == [3, 3, 3]

    async def later(party):
        used.append(int(party.take(ZeroTest())["t"].sum()))
        await party.broadcast("a", "k", b"x")
        return "fine"

    assert lab.each(later) == ["fine"] * 3
    assert len(set(used)) == 6


def test_what_one_server_has_reserved_and_not_taken_is_burnt_everywhere():
    """The others stopped before they reserved it: the next session must find pools in step."""
    lab = Lab(3, seed=1)
    lab.preprocess([ZeroTest()] * 5)

    async def protocol(party):
        if party.index > 0:
            raise Abort("no")
        party.reserve([ZeroTest()] * 2)

    with pytest.raises(Abort):
        lab.session().run("online", protocol).raise_failure()
    assert [s.pool.count(ZeroTest()) for s in lab.servers] == [3, 3, 3]
    assert len({s.pool.take(ZeroTest())[0] for s in lab.servers}) == 1


def test_pools_stay_in_step_after_an_abort_without_reserve():
    lab = Lab(3, seed=1, corrupt=["server 0"])
    lab.preprocess([ZeroTest()] * 5)

    async def protocol(party):
        for label in "abc":
            party.take(ZeroTest())
            await party.broadcast(label, "k", b"x")
        return "fine"

    lab.network.adversary = lambda f: [e for e in f.corrupt if e.receiver != "server 2"]
    with pytest.raises(Abort):
        lab.each(protocol)
    lab.network.adversary = lambda f: f.corrupt
    assert lab.each(protocol) == ["fine"] * 3


# -- abort ------------------------------------------------------------------------------------


def test_after_an_abort_nothing_is_broadcast_or_released():
    lab = Lab(2, seed=1)
    session = lab.session()
    for party in session.parties:
        party.unchecked.append((F.zeros(), F.zeros()))
        error = party.abort("by hand")
        assert isinstance(error, Abort)
        assert str(error) == "by hand"
        assert party.unchecked == []
        with pytest.raises(Abort, match="was aborted: nothing more comes out of it"):
            party.require_checked("the result")
    before = len(lab.transcript)
    with pytest.raises(Abort, match="was aborted: nothing more comes out of it"):
        session.run("online", lambda party: party.broadcast("a", "k", b"x")).raise_failure()
    assert len(lab.transcript) == before


def test_after_an_abort_nothing_is_sent_to_a_client():
    lab = Lab(2, seed=1)
    session = lab.session()
    for party in session.parties:
        party.abort("by hand")
    with pytest.raises(Abort):
        session.run("online", tell).raise_failure()


def test_a_protocol_that_goes_on_after_its_abort_sends_nothing():
    """In the same run, where the session is not looked at anew before every message."""
    lab = Lab(2, seed=1)

    async def stubborn(party):
        party.abort("by hand")
        for message in (tell(party), party.broadcast("b", "k", b"x")):
            with pytest.raises(Abort, match="was aborted"):
                await message
        return "nothing sent"

    assert lab.each(stubborn) == ["nothing sent"] * 2
    assert len(lab.transcript) == 0


@pytest.mark.parametrize("how", ["malformed", "silence", "interrupt"])
@pytest.mark.parametrize("then", ["send", "broadcast", "require_checked"])
def test_a_session_that_ended_badly_is_over(how, then):
    lab = Lab(2, seed=1, corrupt=["server 1"])
    session = lab.session()

    async def protocol(party):
        await party.broadcast("a", "k", b"x")
        if how == "interrupt":
            raise KeyboardInterrupt

    if how != "interrupt":
        lab.network.adversary = lambda flight: [
            replace(e, data=b"?") for e in flight.corrupt if how == "malformed"
        ]
    with pytest.raises((Abort, KeyboardInterrupt)):
        session.run("online", protocol).raise_failure()
    lab.network.adversary = None

    async def again(party):
        if then == "require_checked":
            party.require_checked("the result")
        elif then == "send":
            await party.send("bob", "b", "k", b"x")
        else:
            await party.broadcast("b", "k", b"x")

    outcomes = session.run("online", again)
    assert isinstance(outcomes["server 0"], Abort)
    assert "was aborted" in str(outcomes["server 0"])


def test_an_interrupt_in_the_first_step_ends_the_session_at_all_servers():
    lab = Lab(2, seed=1)
    session = lab.session()

    async def interrupted(party):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session.run("online", interrupted)
    outcomes = session.run("online", tell)
    assert all(isinstance(outcomes[server_name(i)], Abort) for i in range(2))


def test_after_a_refusal_the_session_goes_on():
    lab = Lab(2, seed=1)
    session = lab.session()

    async def refusing(party):
        await party.broadcast("a", "k", b"x")
        raise Refused("not this upload")

    with pytest.raises(Refused):
        session.run("upload", refusing).raise_failure()

    async def again(party):
        return await party.broadcast("b", "k", b"x")

    assert session.run("upload", again)["server 1"] == [(b"x",)] * 2


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, pickle.dumps])
def test_what_a_server_holds_is_not_copied(way):
    """A copy would hold the same key and take the same material once more."""
    party = one_party()
    for thing in (party, party.server, party.server.pool):
        with pytest.raises(TypeError, match="material that serves once"):
            way(thing)


# -- what is told -----------------------------------------------------------------------------


def test_a_servers_own_randomness():
    party = one_party(bytes(range(32)))
    assert party.random_bytes(8) == Source(bytes(range(32))).bytes(8)
    assert party.random_bytes(8) != Source(bytes(range(32))).bytes(8)


def test_names():
    party = one_party()
    assert (party.index, party.n, party.field) == (1, 3, F)
    assert party.server.name == server_name(1)


def test_reprs_hide_what_a_server_holds():
    lab = Lab(3, seed=1)
    lab.preprocess([Triples(3), ZeroTest()])
    x = lab.god.share([123456789])
    session = lab.session()
    coins = {}

    async def protocol(party, x):
        coins[party.index] = await commit_coin(party)
        await party.open_masked(x, "x")
        party.server.storage["rows"] = x

    session.run("online", lambda party: protocol(party, x[party.index])).raise_failure()
    secrets = {str(int(v)) for s in x for v in (*s.value, *s.mac, s.key.alpha)} | {
        str(int(reconstruct(x)[0]))
    }
    things = [*session.parties, *lab.servers, *coins.values(), session, lab.dealer,
              *(s.pool for s in lab.servers), *(s.source for s in lab.servers)]
    for thing in things:
        text = repr(thing) + str(thing)
        assert not any(secret in text for secret in secrets), thing
    assert isinstance(coins[0], Coin)
    assert repr(coins[0]) == "Coin(committed)"
    assert repr(session.parties[0]) == "Party(server 0 of 3, session 'run 3', 1 openings unchecked)"
    assert repr(lab.servers[2]) == "Server(2 of 3, Field(2**61 - 1), Pool(2 bundles))"
