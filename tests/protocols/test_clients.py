"""Client masks: what a client accepts, what the servers take, and how often a cheat passes.

Rates are tested with exact binomial tests at a false-alarm rate of 1e-6 (`FALSE_ALARM`), with fixed
seeds.
"""

import numpy as np
import pytest

from mpclab import cost as costs
from mpclab.client import Client
from mpclab.errors import Abort, InputError, MpclabError, Refused, Rejected
from mpclab.lab import Lab
from mpclab.preprocessing.material import InputMasks, OutputMask
from mpclab.protocols.checks import check_openings, commit_coin
from mpclab.protocols.clients import (
    agree,
    check_masks,
    client_check_masks,
    client_input,
    client_output,
    open_output,
    receive_input,
    send_output,
)
from mpclab.protocols.validity import Statement
from mpclab.sharing import Share, reconstruct
from tests.cheating import (
    DROP,
    MALFORMED,
    Cheat,
    Spy,
    changed,
    install,
    not_canonical,
    random_zero_tests,
    rate_is,
    value,
)

LARGE = 2**61 - 1


# -- input: I1 to I5 ----------------------------------------------------------------


class Masks:
    """A crowd of clients checks its masks with the servers."""

    def __init__(self, servers=2, modulus=LARGE, length=3, clients=4, seed=1):
        self.lab = Lab(servers=servers, modulus=modulus, seed=seed)
        self.spec = InputMasks(length, clients)
        self.values = install(self.lab, self.spec)
        random_zero_tests(self.lab, 1)
        self.clients = clients

    def run(self):
        session = self.lab.session()
        client = Client(session.endpoint("users", self.clients), self.lab.source("users"))

        async def server(party):
            held = party.take(self.spec)
            return await check_masks(party, "users", [held["r"]], held["r_0"])

        self.outcomes = session.run(
            "upload", server,
            [(client.endpoint, client_check_masks(client, [self.values["r"].shape], self.clients))],
        )
        self.outcomes.raise_failure()
        result = self.outcomes["users"]
        if isinstance(result, Exception):
            raise result
        (masks,), ok = result
        return masks, ok, self.outcomes["server 0"]


@pytest.mark.parametrize("servers", [2, 3, 5])
@pytest.mark.parametrize("modulus", [11, 101, LARGE])
def test_honest_clients_get_their_masks(servers, modulus):
    masks = Masks(servers, modulus)
    r, ok, accepted = masks.run()
    assert (r == masks.values["r"]).all()
    assert ok.all()
    assert accepted.all()


@pytest.mark.parametrize("servers", [2, 3])
@pytest.mark.parametrize("part", [0, 1])
def test_a_server_that_alters_a_mask_loses_that_client_alone(servers, part):
    for at in range(4 if part == 0 else 12):
        masks = Masks(servers)
        Cheat(masks.lab, "server 1", "masks", value(part, at), kind="mask")
        _, ok, accepted = masks.run()
        assert ok.tolist() == [j != at % 4 for j in range(4)]
        assert accepted.all()  # the servers see nothing of it, and the client is silent


@pytest.mark.parametrize("kind", ["mask", "echo"])
@pytest.mark.parametrize("name", MALFORMED)
def test_a_client_that_is_sent_nonsense_stops(kind, name):
    masks = Masks()
    Cheat(masks.lab, "server 0", "masks", MALFORMED[name], kind=kind)
    with pytest.raises(Rejected):
        masks.run()


def test_a_false_echo_stops_the_client():
    for at in range(4):
        masks = Masks(3)
        Cheat(masks.lab, "server 2", "masks", value(at=at), kind="echo")
        assert masks.run()[1].tolist() == [j != at for j in range(4)]


@pytest.mark.parametrize("servers", [2, 3])
def test_a_client_that_tells_two_chis_is_refused_alone(servers):
    masks = Masks(servers)
    Cheat(masks.lab, "users", "masks", value(at=2), to=["server 1"])
    _, _, accepted = masks.run()
    assert accepted.tolist() == [True, True, False, True]


def test_of_a_refused_client_only_r_0_is_opened():
    """Not a combination of masks that it chose."""

    def two_faced(m):
        return m.with_part(0, m.field.array([1, 1, 1, 1])).encode()

    spied = Masks()
    spy = Spy(spied.lab)
    cheat = Cheat(spied.lab, "users", "masks", two_faced, to=["server 1"])

    def both(flight):
        spy(flight)
        return [cheat._edited(e) if e.sender == "users" else e for e in flight.corrupt]

    spied.lab.network.corrupt = frozenset(["users", "server 0", "server 1"])
    spied.lab.network.adversary = both
    _, ok, accepted = spied.run()
    assert not accepted.any()
    assert not ok.any()
    ((_, h),) = [(label, v) for label, v in spy.opened() if label == "h"]
    assert (h == spied.values["r_0"]).all()


@pytest.mark.parametrize("to", [["server 0"], ["server 0", "server 1"]])
def test_a_silent_crowd_is_refused(to):
    masks = Masks()
    Cheat(masks.lab, "users", "masks", lambda m: DROP, to=to)
    _, ok, accepted = masks.run()
    assert not ok.any()
    assert not accepted.any()


@pytest.mark.parametrize(("modulus", "length", "clients"), [(13, 3, 3000), (101, 5, 6000)])
def test_the_worst_mask_passes_as_often_as_a_polynomial_has_zeros(modulus, length, clients):
    """A server shifts r_0 .. r_L by the coefficients of (X - 1) .. (X - L): L / p exactly."""
    masks = Masks(2, modulus, length, clients, seed=2)
    shift = np.poly(np.arange(1, length + 1))[::-1].astype(np.int64) % modulus

    def edit(m):
        F, (r_0, r) = m.field, m.section.parts
        r_0 = F.add(r_0, np.uint64(shift[0]))
        return m.with_section(
            parts=(r_0, F.add(r, shift[1:].astype(np.uint64)[:, None]))
        ).encode()

    Cheat(masks.lab, "server 0", "masks", edit, kind="mask")
    _, ok, _ = masks.run()
    assert rate_is(ok.sum(), clients, length / modulus)
    assert not rate_is(ok.sum(), clients, length / modulus / 1.5)


# -- agreement ----------------------------------------------------------------------


@pytest.mark.parametrize("servers", [2, 3])
def test_servers_agree_only_on_the_same_bytes(servers):
    async def protocol(party, mine):
        return await agree(party, "hash", mine, b"more")

    lab = Lab(servers=servers, seed=3)
    assert lab.each(protocol, [b"x"] * servers) == [True] * servers
    assert lab.each(protocol, [b"x"] * (servers - 1) + [b"y"]) == [False] * servers


def test_where_one_part_ends_matters():
    async def protocol(party, a, b):
        return await agree(party, "hash", a, b)

    assert Lab(seed=4).each(protocol, [b"ab", b"a"], [b"c", b"bc"]) == [False, False]


# -- input: I1 to I7 ----------------------------------------------------------------


async def stubborn_input(client, x):
    """A client that sends its input whatever came of the check of its masks."""
    (r,), _ = await client_check_masks(client, [(x.size, 1)])
    await client.send_all("input", "masked input", client.field.sub(x, r[:, 0]))


class Input:
    """One input of `x` by a client to all servers."""

    def __init__(self, servers=3, x=(7, 8, 9), program=client_input):
        self.lab = Lab(servers=servers, seed=6)
        self.x, self.program = self.lab.field.array(x), program
        install(self.lab, InputMasks(len(x)))
        random_zero_tests(self.lab, 1)

    def run(self):
        session = self.lab.session()
        client = Client(session.endpoint("bob"), self.lab.source("bob"))

        async def server(party):
            return await receive_input(party, "bob", self.x.shape)

        self.outcomes = session.run(
            "upload", server, [(client.endpoint, self.program(client, self.x))]
        )
        return [self.outcomes[s.name] for s in self.lab.servers]

    def inputs_sent(self):
        return sum(r.step == "input" for r in self.lab.transcript.records)


@pytest.mark.parametrize("servers", [2, 3])
@pytest.mark.parametrize("program", [client_input, stubborn_input])
def test_an_honest_input_arrives(servers, program):
    run = Input(servers, program=program)
    assert reconstruct(run.run()).tolist() == [7, 8, 9]


@pytest.mark.parametrize("edit", [value(), value(at=2, by=-1), lambda m: DROP])
@pytest.mark.parametrize("to", [["server 0"], ["server 0", "server 2"]], ids=["one", "two"])
def test_an_input_that_is_not_the_same_everywhere_is_refused(edit, to):
    run = Input()
    cheat = Cheat(run.lab, "bob", "input", edit, to=to)
    assert all(isinstance(o, Refused) for o in run.run())
    assert cheat.hits == len(to)


@pytest.mark.parametrize("name", ["dropped", "longer", "not canonical"])
def test_an_input_that_nobody_got_is_refused(name):
    run = Input()
    Cheat(run.lab, "bob", "input", MALFORMED[name])
    assert all(isinstance(o, Refused) for o in run.run())


def test_a_client_that_told_two_chis_is_refused_even_if_it_goes_on():
    """Its masks are unchecked, though all servers hold the same masked input."""
    run = Input(program=stubborn_input)
    Cheat(run.lab, "bob", "masks", value(), to=["server 1"])
    assert all(isinstance(o, Refused) for o in run.run())
    assert run.inputs_sent() == 3


@pytest.mark.parametrize("kind", ["mask", "echo"])
def test_an_input_is_not_sent_under_masks_that_failed_their_check(kind):
    run = Input()
    Cheat(run.lab, "server 1", "masks", value(), kind=kind)
    outcomes = run.run()
    assert isinstance(run.outcomes["bob"], Rejected)
    assert run.inputs_sent() == 0
    assert all(isinstance(o, MpclabError) for o in outcomes)


# -- output: O1 to O4 ---------------------------------------------------------------


class Output:
    """One output of `y` to a client; `edit` may touch a server's mask before it is used."""

    def __init__(self, y=(7, 8, 9), servers=2, modulus=LARGE, seed=5):
        self.lab = Lab(servers=servers, modulus=modulus, seed=seed)
        self.y = np.array(y)
        self.spec = OutputMask(len(y))

    def run(self, edit=None):
        self.values = install(self.lab, self.spec)
        random_zero_tests(self.lab, 1)
        shares = self.lab.god.share(self.y)
        session = self.lab.session()
        client = Client(session.endpoint("requester"), self.lab.source("requester"))

        async def server(party):
            coin = await commit_coin(party)
            z, mask = await open_output(party, shares[party.index], self.spec)
            await check_openings(party, coin)
            if edit and party.index == 1:
                mask = edit(self.lab.field, mask)
            await send_output(party, "requester", z, mask)

        self.outcomes = session.run(
            "online", server, [(client.endpoint, client_output(client, len(self.y)))]
        )
        self.outcomes.raise_failure()
        return self.outcomes["requester"]


@pytest.mark.parametrize("servers", [2, 3, 5])
@pytest.mark.parametrize("modulus", [11, LARGE])
def test_an_honest_output_arrives(servers, modulus):
    assert Output(servers=servers, modulus=modulus).run().tolist() == [7, 8, 9]


def test_what_is_opened_is_masked_and_the_extra_mask_hides_nothing():
    output = Output()
    spy = Spy(output.lab)
    output.run()
    opened = spy.opened_by_label()
    F = output.lab.field
    assert (opened["y - r"] == F.sub(F.array(output.y), output.values["r"][1:])).all()


def test_nothing_is_released_before_the_check():
    """Whatever is opened wrongly, no server sends its shares of r, v and w."""
    output = Output(servers=3)
    Cheat(output.lab, "server 1", "y - r", value())
    with pytest.raises(Abort):
        output.run()
    assert all(r.step != "result" for r in output.lab.transcript.records)


def test_an_output_with_unchecked_openings_is_refused():
    lab = Lab(seed=6)
    spec = OutputMask(1)
    install(lab, spec)

    async def hasty(party, y):
        z, mask = await open_output(party, y, spec)
        await send_output(party, "requester", z, mask)

    with pytest.raises(InputError, match="have not passed a MAC check"):
        lab.each(hasty, lab.god.share([1]))
    assert all(r.step != "result" for r in lab.transcript.records)


@pytest.mark.parametrize("servers", [2, 3])
@pytest.mark.parametrize("part", range(4))
def test_a_client_rejects_every_altered_entry(servers, part):
    for at in range([3, 4, 1, 4][part]):
        output = Output(servers=servers)
        Cheat(output.lab, "server 1", "result", value(part, at))
        assert isinstance(output.run(), Rejected)
        assert output.outcomes["server 0"] is None  # it is not told: the session ended well for it


def test_a_client_that_rejects_is_silent():
    output = Output()
    Cheat(output.lab, "server 1", "result", value(1))
    output.run()
    assert all(r.sender != "requester" for r in output.lab.transcript.records)


@pytest.mark.parametrize("name", MALFORMED)
def test_a_client_rejects_what_is_no_message(name):
    output = Output()
    Cheat(output.lab, "server 0", "result", MALFORMED[name])
    assert isinstance(output.run(), Rejected)


def passes(output, trials, edit):
    return sum(not isinstance(output.run(edit), Exception) for _ in range(trials))


def shift(F, mask, **by):
    """The mask with r, v, w shifted by arrays or numbers."""
    out = dict(mask)
    for name, delta in by.items():
        if name == "r":
            r = out["r"]
            data = r.data.copy()
            data[0] = F.add(data[0], F.array(delta))
            out["r"] = type(r)(data, r.key)
        else:
            out[name] = F.add(out[name], F.array(delta))
    return out


def test_a_shifted_result_passes_once_in_p():
    """r_1 off by 1 and w_1 by a guess of v: accepted with probability 1/p, and y off by 1."""
    p, trials = 11, 700
    output = Output((4,), modulus=p)
    rng = np.random.default_rng(7)

    def edit(F, mask):
        return shift(F, mask, r=[0, 1], w=[0, rng.integers(p)])

    assert rate_is(passes(output, trials, edit), trials, 1 / p)
    assert not rate_is(trials // p * 2, trials, 1 / p)  # the test would see twice as many


@pytest.mark.parametrize("right", [True, False])
def test_a_guess_of_the_result_is_not_confirmed_by_whether_the_client_accepts(right):
    """v off by 1, w_k by a guess of r_k, where r_1 = y - z follows from a guess of y.

    Accepted if every guess is right. r_0 is anybody's guess: so even a right guess of y passes
    only once in p, and a wrong one never. (Without r_0 a right guess would always pass.)
    """
    p, trials = 11, 700
    output = Output((4,), modulus=p)
    rng = np.random.default_rng(8)
    guess = 4 if right else 5

    def edit(F, mask):
        r_1 = int(output.values["r"][1])  # what the adversary computes from y and the public z
        return shift(F, mask, v=1, w=[rng.integers(p), (r_1 + guess - 4) % p])

    found = passes(output, trials, edit)
    assert rate_is(found, trials, 1 / p) if right else found == 0


def test_messages_of_the_output_are_uniform_given_the_result():
    """The client sees z, r, v, w with z + r = y and nothing else: no other dependence on shares."""
    output = Output((4, 4))
    spy = Spy(output.lab, who=["requester"])
    for _ in range(3):
        output.run()
    results = [s.parts for s in spy.seen if s.label == "result"]
    assert len({bytes(np.asarray(z)) for z, *_ in results}) == 3
    assert len({bytes(np.asarray(r)) for _, r, *_ in results}) == 6


def test_masks_come_from_the_pool_once():
    output = Output()
    output.run()
    first = output.values["r"]
    output.run()
    assert not (first == output.values["r"]).any()
    assert reconstruct(output.lab.god.share(output.y)).tolist() == [7, 8, 9]
    assert changed(output.lab.field, np.array([1], np.uint64)).tolist() == [2]


# -- inputs with a proof ----------------------------------------------------------------------


def squares(field, total):
    """Three numbers whose squares sum to a total."""
    statement = Statement(field, 3)
    statement.equation(total, squares=(statement.entries([0, 1, 2]), 1))
    return statement


@pytest.mark.parametrize("servers", [2, 3, 5])
def test_inputs_with_a_proof(servers):
    lab = Lab(servers, seed=4)
    alice = lab.client("alice")
    x = alice.upload([[0, 1], [1, 3]], among=[0, 1, 3])
    assert x.reveal().tolist() == [[0, 1], [1, 3]]
    y = alice.upload([0.5, -2.0], among=[0.5, -2, 7])
    assert y.reveal().tolist() == [0.5, -2.0]
    z = alice.upload([3, -4, 12], proving=squares(lab.field, 169))
    assert z.sum().reveal() == 11
    assert alice.upload(5, among=[5]).reveal() == 5
    assert alice.upload([], among=[0]).size == 0


def test_what_a_client_cannot_prove_it_does_not_send():
    lab = Lab(2, seed=4)
    before = len(lab.transcript)
    for call, sentence in (
        (lambda: lab.client("a").upload([0, 7], among=[0, 1]), "an entry is 7, which is not among"),
        (lambda: lab.client("a").upload([1, 2, 2], proving=squares(lab.field, 8)), "does not hold"),
        (lambda: lab.client("a").upload([1, 2], proving=squares(lab.field, 8)), "is not about"),
        (lambda: lab.client("a").upload([1], among=[1], proving=squares(lab.field, 8)), "give"),
    ):
        with pytest.raises(InputError, match=sentence):
            call()
    assert len(lab.transcript) == before


def cheating(lab, x, statement):
    """A client that proves what does not hold."""
    size = len(x)
    lab.preprocess_for(costs.receive_input(lab.n, size, statement))
    session = lab.session("cheating")
    client = Client(session.endpoint("mallory"), lab.source("mallory"))
    return session.run(
        "upload", lambda party: receive_input(party, "mallory", (size,), statement),
        others=[(client.endpoint, client_input(client, lab.field.array(x), statement))],
    )


@pytest.mark.parametrize("servers", [2, 3])
def test_servers_refuse_what_is_not_proved(servers):
    lab = Lab(servers, seed=5)
    statement = squares(lab.field, 9)
    outcomes = cheating(lab, [1, 2, 2], statement)
    assert all(isinstance(outcomes[s.name], Share) for s in lab.servers)
    outcomes = cheating(lab, [1, 2, 3], statement)
    for s in lab.servers:
        assert isinstance(outcomes[s.name], Refused)
        assert "its proof failed" in str(outcomes[s.name])


@pytest.mark.parametrize(
    ("step", "outcome"),
    [("proof/u - r", Abort), ("proof/valid/s - u", Refused), ("proof/check/s - u", Abort),
     ("same input", Refused), ("proof/coin reveal", Abort)],
)
def test_a_server_cannot_help(step, outcome):
    lab = Lab(2, seed=6)
    lab.preprocess_for(costs.receive_input(2, 3, squares(lab.field, 9)))
    cheat = Cheat(lab, "server 1", step, value())
    outcomes = cheating(lab, [1, 2, 2], squares(lab.field, 9))
    assert cheat.hits
    assert isinstance(outcomes["server 0"], outcome)


@pytest.mark.parametrize("step", ["input", "proof/polynomial"])
@pytest.mark.parametrize("edit", [lambda m: DROP, not_canonical], ids=["dropped", "not canonical"])
def test_an_input_whose_proof_does_not_arrive_is_refused(step, edit):
    """Also where only one of the two, the input and its proof, is missing everywhere."""
    lab = Lab(2, seed=6)
    lab.preprocess_for(costs.receive_input(2, 3, squares(lab.field, 9)))
    cheat = Cheat(lab, "mallory", step, edit)
    outcomes = cheating(lab, [1, 2, 2], squares(lab.field, 9))
    assert cheat.hits == 2
    for s in lab.servers:
        assert isinstance(outcomes[s.name], Refused)
        assert "did not arrive, or not the same at every server" in str(outcomes[s.name])


@pytest.mark.parametrize("servers", [2, 3, 5])
def test_a_proof_costs_what_the_formula_says(servers):
    lab = Lab(servers, seed=7)
    statement = squares(lab.field, 9)
    cheating(lab, [1, 2, 2], statement)
    predicted = costs.receive_input(servers, 3, statement)
    assert (lab.transcript.rounds(phase="upload"), lab.transcript.elements_sent(
        "server 0", phase="upload"
    )) == (predicted.rounds, predicted.elements)
    assert not any(
        bundles for s in lab.servers for bundles in s.pool._stock.values()
    )
