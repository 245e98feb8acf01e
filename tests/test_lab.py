"""The lab: what it accepts, how it runs protocols, how it ends, and that a seed decides all."""

import gc
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from mpclab.errors import Abort, InputError, MaterialError
from mpclab.field import MERSENNE_61, Field
from mpclab.lab import Lab
from mpclab.network.conditions import LAN, WAN, Conditions
from mpclab.preprocessing.material import Triples, ZeroTest
from mpclab.protocols.checks import reveal
from mpclab.protocols.multiply import multiply
from mpclab.sharing import Share, mac_holds, reconstruct


async def square(party, x):
    return await reveal(party, await multiply(party, x, x))


async def secret_square(party, x):
    return await multiply(party, x, x)


# -- what it accepts --------------------------------------------------------------------------


@pytest.mark.parametrize("servers", [1, 0, -2, True, 2.5, 2.0, "2", None, float("nan")])
def test_too_few_servers_get_a_sentence(servers):
    with pytest.raises(InputError, match=r"servers is .*: it takes at least 2 servers"):
        Lab(servers)


@pytest.mark.parametrize(
    "modulus", [0, 1, 2, -7, 4, 91, 561, 3215031751, 2**61, 2**61 + 15, 2**89 - 1, 101.5, None]
)
def test_a_bad_modulus_gets_a_sentence(modulus):
    with pytest.raises(InputError, match="the modulus"):
        Lab(2, modulus=modulus)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"network": "wlan"}, "there is no network 'wlan': take one of 'lan', 'wan', 'ideal'"),
        ({"preprocessing": "magic"}, "there is no preprocessing 'magic'"),
        ({"comparison": "magic"}, "there is no comparison 'magic': take one of .*'tables'"),
        ({"servers": 3, "comparison": "fss"}, "works between 2 servers, not 3"),
        ({"bits": 60}, "bits is 60: in .* 1 to 59 bits"),
        ({"bits": 0}, "bits is 0"),
        ({"fraction": -1}, "fraction is -1"),
        ({"bits": 8, "fraction": 8}, "fraction is 8: .* 0 to 7"),
    ],
)
def test_other_parameters_get_sentences(options, sentence):
    with pytest.raises(InputError, match=sentence):
        Lab(**options)


@pytest.mark.parametrize("seed", [2.5, "a", float("nan"), [1]])
def test_a_seed_that_is_no_integer_gets_a_sentence(seed):
    with pytest.raises(InputError, match="seed"):
        Lab(2, seed=seed)


@pytest.mark.parametrize(
    "corrupt", [["server 2"], ["Server 0"], "server 3", ["server 0", "server 1"]]
)
def test_a_corrupt_party_that_does_not_exist_gets_a_sentence(corrupt):
    with pytest.raises(InputError, match="corrupt"):
        Lab(2, adversary=lambda flight: flight.corrupt, corrupt=corrupt)


def test_networks_by_name_and_by_value():
    assert Lab(2).network.conditions == LAN
    assert Lab(2, network="wan").network.conditions == WAN
    mine = Conditions("mine", 0.1, 1e6)
    assert Lab(2, network=mine).network.conditions is mine


@pytest.mark.parametrize("name", ["server 0", "server", "dealer", "", None, 5])
def test_a_client_may_not_be_called_like_a_server(name):
    with pytest.raises(InputError, match="client"):
        Lab(2).client(name)


# -- running ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("p", [2**31 - 1, MERSENNE_61])
def test_a_protocol_from_upload_to_result(n, p):
    lab = Lab(n, modulus=p, seed=1)
    x = lab.client("alice").upload([5, -6, 0])
    assert lab.run(square, x).tolist() == [25, 36, 0]
    assert x.reveal().tolist() == [5, -6, 0]
    assert lab.client("bob").receive(x).tolist() == [5, -6, 0]


def test_run_makes_the_material_and_leaves_none():
    lab = Lab(3, seed=1)
    x = lab.client("alice").upload([5, -6])
    lab.run(square, x)
    assert {repr(s.pool) for s in lab.servers} == {"Pool(0 bundles)"}
    cost = lab.predict(square, x)
    assert cost.material == {Triples(2): 1, ZeroTest(): 2}
    phases = list(dict.fromkeys(r.phase for r in lab.transcript.records))
    assert phases == ["preprocess", "upload", "online"]


def test_results_are_shares_values_or_both():
    lab = Lab(2, seed=1)
    x = lab.secret([3, 4])

    async def both(party, x, factor):
        return x * factor, await reveal(party, x), "text"

    secret, public, text = lab.run(both, x, 10)
    assert secret.reveal().tolist() == [30, 40]
    assert public.tolist() == [3, 4]
    assert text == "text"
    public[0] = 9  # the caller's own
    assert lab.run(secret_square, x).reveal().tolist() == [9, 16]


def test_public_values_leave_after_a_check_even_if_the_protocol_forgot_it():
    lab = Lab(2, seed=1)

    async def careless(party, x):
        return await party.open_masked(x, "x")

    x = lab.secret([3])
    assert lab.run(careless, x).tolist() == [3]
    assert lab.transcript.rounds(phase="online") == 1 + 1 + 4  # open; commit; the check
    assert not any(p.unchecked for p in lab._main.parties)


def test_each_is_the_plain_way():
    lab = Lab(3, modulus=101, seed=1)
    x = lab.god.share([5, -6])
    with pytest.raises(MaterialError, match="Triples"):
        lab.each(secret_square, x)
    assert lab.preprocess([Triples(2), Triples(2)], checks=4) == [0, 1]
    assert [s.pool.count(ZeroTest()) for s in lab.servers] == [4, 4, 4]
    parts = lab.each(secret_square, x)
    assert [type(part) for part in parts] == [Share] * 3
    assert [part.key.index for part in parts] == [0, 1, 2]
    assert reconstruct(parts).tolist() == [25, 36]
    assert mac_holds(parts)
    for result in lab.each(square, x):
        assert result.tolist() == [25, 36]

    async def who(party, label):
        return party.index, label

    assert lab.each(who, "abc") == [(0, "a"), (1, "b"), (2, "c")]


def test_every_session_has_a_name_and_a_history_of_its_own():
    lab = Lab(2, seed=1)
    sessions = [lab.session(), lab.session(), lab.session("query")]
    assert len({s.name for s in sessions}) == 3
    assert len({s.parties[0].endpoint.session_id for s in sessions}) == 3
    assert repr(sessions[2]).startswith("Session('query ")


def test_one_server_may_run_another_program():
    lab = Lab(2, seed=1)

    async def honest(party):
        return [bytes(x) for (x,) in await party.broadcast("a", "k", b"honest")]

    async def corrupt(party):
        await party.broadcast("a", "k", b"h0nest")

    outcomes = lab.session().run("online", honest, replaced={1: corrupt})
    assert outcomes["server 0"] == [b"honest", b"h0nest"]


def test_what_is_no_protocol_gets_a_sentence():
    lab = Lab(2, seed=1)
    x = lab.secret([1])

    def plain(party, x):
        return x

    with pytest.raises(InputError, match="plain is not a protocol: define it with `async def"):
        lab.run(plain, x)
    assert lab.state == "ready"


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_a_forgotten_await_gets_a_sentence():
    lab = Lab(2, seed=1)

    async def forgetful(party, x):
        return multiply(party, x, x)

    with pytest.raises(InputError, match="returned a coroutine: an `await` is missing"):
        lab.run(forgetful, lab.secret([1]))
    gc.collect()  # so that Python's own warning comes now


# -- how it ends ------------------------------------------------------------------------------


def test_an_abort_ends_the_lab():
    lab = Lab(3, seed=1, corrupt=["server 1"])
    x = lab.secret([7])
    lab.network.adversary = lambda f: [e for e in f.corrupt if e.phase != "online"]
    with pytest.raises(Abort):
        x.reveal()
    lab.network.adversary = None
    assert lab.state == "aborted"
    assert "aborted" in repr(lab)
    for attempt in (x.reveal, lambda: lab.secret([1]), lambda: lab.run(square, x),
                    lambda: lab.client("bob").receive(x), lambda: x + 1,
                    lambda: lab.preprocess([ZeroTest()])):
        with pytest.raises(Abort, match="this lab is aborted: nothing more comes out of it"):
            attempt()
    assert all(not s.storage for s in lab.servers)
    assert len(lab.transcript) > 0


def test_an_interrupt_ends_the_lab():
    lab = Lab(2, seed=1)
    x = lab.secret([7])
    stop = False

    async def interrupted(party, x):
        opened = await party.open_additive(x.value, "x")
        if stop and party.endpoint.session != "dry run":
            raise KeyboardInterrupt
        return opened

    lab.run(interrupted, x)
    stop = True
    with pytest.raises(KeyboardInterrupt):
        lab.run(interrupted, x)
    assert lab.state == "ended by KeyboardInterrupt"
    with pytest.raises(Abort, match="ended by KeyboardInterrupt: nothing more"):
        x.reveal()


def test_a_closed_lab_gives_nothing():
    with Lab(2, seed=1) as lab:
        x = lab.secret([7])
    assert lab.state == "closed"
    with pytest.raises(Abort, match="this lab is closed"):
        x.reveal()
    assert all(not s.storage for s in lab.servers)


def test_labs_do_not_mix():
    one, other = Lab(2, seed=1), Lab(2, seed=2)
    with pytest.raises(InputError, match="belongs to another lab"):
        other.run(square, one.secret([1]))


# -- randomness -------------------------------------------------------------------------------

SEEDED = """
import hashlib
from mpclab import Lab, multiply, reveal

async def square(party, x):
    return await reveal(party, await multiply(party, x, x))

lab = Lab(3, seed=2015)
x, y = lab.client("alice").upload([5, -6]), lab.client("bob").upload([7, 1])
assert lab.run(square, x).tolist() == [25, 36]
(x > y).reveal()
lab.client("carol").receive(x * y)
h = hashlib.sha256()
for number, r in enumerate(lab.transcript.records):
    h.update(repr((r.session, r.phase, r.step, r.round, r.sender, r.receiver, r.bytes)).encode())
    h.update(lab.network.contents[number])
print(len(lab.transcript), h.hexdigest())
"""


def test_a_seeded_lab_sends_the_same_bytes_in_every_process():
    """Whatever Python's own hash seed is."""
    outputs = []
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", SEEDED], capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
        )
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    assert int(outputs[0].split()[0]) > 20


def sent(seed):
    lab = Lab(2, seed=seed)
    lab.secret([5]).reveal()
    return hashlib.sha256(b"".join(lab.network.contents.values())).hexdigest()


def test_other_seeds_and_no_seed_send_other_bytes():
    assert len({sent(1), sent(2), sent(None), sent(None)}) == 4
    assert sent(1) == sent(1)


def test_a_seeded_lab_says_so():
    assert "seeded with 7: for teaching" in repr(Lab(2, seed=7))
    assert "seeded with 0: for teaching" in repr(Lab(2, seed=0))
    assert "seed" not in repr(Lab(2))
    assert not any(s.source.seeded for s in Lab(2).servers)


def test_servers_and_clients_of_a_seeded_lab_have_randomness_of_their_own():
    lab = Lab(3, seed=1)
    draws = [s.source.bytes(16) for s in lab.servers] + [
        lab.source(name).bytes(16) for name in ("alice", "bob")
    ]
    assert len(set(draws)) == 5


# -- what is told -----------------------------------------------------------------------------


def test_nothing_tells_a_secret():
    lab = Lab(2, seed=1)
    x = lab.secret([314159265])
    shares = {str(int(v)) for row in (*lab.god.shares(x), *lab.god.macs(x)) for v in row}
    hidden = shares | {"314159265", str(lab.god.key), *(str(int(s.key.alpha)) for s in lab.servers)}
    things = [lab, x, lab.client("you"), lab.session(), lab.transcript, lab.network, lab.dealer,
              lab.god, *lab.servers, *lab._main.parties, lab.predict(square, x)]
    for thing in things:
        assert not any(secret in repr(thing) + str(thing) for secret in hidden), thing


def test_the_lab_over_a_small_field():
    lab = Lab(2, modulus=101, seed=1)
    assert lab.field == Field(101)
    assert lab.settings.bits == 5
    assert np.asarray(lab.secret([-16, 15]).reveal()).tolist() == [-16, 15]


def test_importing_costs_little():
    """numba, pandas and everything that draws are loaded when they are needed."""
    code = (
        "import sys, mpclab\n"
        "slow = {'numba', 'llvmlite', 'pandas', 'matplotlib', 'ipywidgets', 'IPython', 'typer'}\n"
        "print(sorted(slow & set(sys.modules)))\n"
        "from mpclab import Lab, multiply, reveal, SecretArray\n"
        "import mpclab.protocols.checks\n"
        "print(sorted(slow & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]


def test_the_smallest_field():
    lab = Lab(2, modulus=3, seed=1)
    lab.preprocess([Triples(2)])
    x = lab.god.share([1, 2])
    assert reconstruct(lab.each(secret_square, x)).tolist() == [1, 1]
