"""Who saw what: a coalition's view is what its members held and received, and nothing else."""

import json

import numpy as np
import pytest

from mpclab import Abort, InputError, Lab, wire
from mpclab.network.endpoint import server_name
from mpclab.sharing import mac_holds, reconstruct


class Scene:
    """Alice and Bob upload, servers multiply and compare; all see one result, Mallory another."""

    def __init__(self, n=3, **options):
        self.lab = Lab(n, seed=11, **options)
        self.alice, self.bob, self.mallory = map(self.lab.client, ("alice", "bob", "mallory"))
        self.x = self.alice.upload([123456789, -987654321])
        self.y = self.bob.upload([5, 7])
        self.z = self.mallory.upload(-3)
        self.product = self.x * self.y
        self.bits = self.x > self.y
        self.public = self.bits.reveal()
        self.hers = self.product.reveal_to(self.mallory)

    def view(self, servers=(), clients=()):
        return self.lab.view(servers=servers, clients=clients)


@pytest.fixture(scope="module")
def scene():
    return Scene()


def values(frame):
    """Every number of a view, flat; bytes are left out."""
    return {
        int(v)
        for value in frame["value"] if not isinstance(value, bytes)
        for v in np.ravel(np.asarray(value, object))
    }


COALITIONS = [
    ([0], []), ([1], []), ([2], []), ([0, 2], []), ([1, 2], []), ([], ["mallory"]), ([], ["bob"]),
    ([1, 2], ["mallory"]), ([0], ["alice", "bob"]), ([0, 1, 2], ["alice"]), ([], []),
]


@pytest.mark.parametrize(("servers", "clients"), COALITIONS, ids=str)
def test_a_view_has_exactly_the_messages_to_the_coalition(scene, servers, clients):
    frame, lab = scene.view(servers, clients), scene.lab
    names = {server_name(i) for i in servers} | set(clients)
    wanted = []
    for number, r in enumerate(lab.transcript.records):
        if r.receiver in names:
            _, sections = wire.decode(lab.field, lab.network.contents[number])
            wanted += [
                (r.receiver, r.session, r.phase, s.label, r.round, r.sender, s.kind, k, p)
                for s in sections for k, p in enumerate(s.parts)
            ]
    received = frame[frame["what"] == "received"]
    assert len(received) == len(wanted)
    for row, (receiver, session, phase, label, number, sender, kind, part, value) in zip(
        received.itertuples(), wanted, strict=True
    ):
        assert (row.party, row.session, row.phase, row.step, row.sender, row.kind, row.part) == (
            receiver, session, phase, label, sender, kind, part
        )
        assert (row.round == number) if number is not None else frame.isna().at[row.Index, "round"]
        assert np.array_equal(row.value, value)
        assert type(row.value) is type(value)
    assert set(frame["party"]) == (names if len(frame) else set())
    assert set(frame["what"]) <= {"held", "received"}


@pytest.mark.parametrize("servers", [[0], [1], [0, 2], [1, 2]], ids=str)
def test_servers_hold_their_own_part_and_no_other(scene, servers):
    lab = scene.lab
    held = scene.view(servers)
    held = held[held["what"] == "held"]
    for i in servers:
        mine = held[held["party"] == server_name(i)].set_index("step")["value"]
        store = lab.servers[i].storage["secrets"]
        assert len(mine) == 1 + 2 * len(store)
        assert mine["alpha_i"] == lab.servers[i].key.alpha
        for number, share in store.items():
            assert np.array_equal(mine[f"secret {number}"], share.value)
            assert np.array_equal(mine[f"secret {number}, MAC"], share.mac)


@pytest.mark.parametrize(
    ("servers", "clients"),
    [([0], ()), ([1], ()), ([0, 1], ()), ([1, 2], ()), ([0, 2], ["mallory"]), ([], ["bob"])],
    ids=str,
)
def test_what_others_hold_occurs_nowhere_in_a_view(scene, servers, clients):
    """Key shares, shares of secrets and their MACs, and the secrets, as numbers and as bytes.

    Two things are known by right: shares of what was opened to everybody (they were exchanged),
    and servers' shares of the masks of one's own upload, which are those of the upload too.
    """
    lab, seen = scene.lab, scene.view(servers, clients)
    raw = b"".join(v for v in seen["value"] if isinstance(v, bytes))
    numbers = values(seen)
    others = [i for i in range(lab.n) if i not in servers]
    secrets = [int(lab.servers[i].key.alpha) for i in others] + [lab.god.key]
    for handle, known in ((scene.x, ()), (scene.y, ["bob"]), (scene.product, ())):
        for i in others:
            if clients != known:
                secrets += [int(v) for v in lab.god.shares(handle)[i].reshape(-1)]
            secrets += [int(v) for v in lab.god.macs(handle)[i].reshape(-1)]
    secrets += [123456789, lab.field.modulus - 987654321]
    for value in secrets:
        assert value not in numbers
        assert value.to_bytes(8, "little") not in raw


def test_nobody_but_the_receiver_learns_a_result(scene):
    z = [617283945, -6913580247]
    assert scene.hers.tolist() == z
    for servers, clients in ([[0, 1], []], [[1, 2], ["bob"]], [[0], ["alice"]]):
        assert not {617283945, scene.lab.field.modulus - 6913580247} & values(
            scene.view(servers, clients)
        )


def test_a_client_receives_only_what_is_addressed_to_it(scene):
    bob = scene.view(clients=["bob"])[lambda f: f["what"] == "received"]
    assert set(bob["kind"]) == {"mask", "echo"}
    assert len(bob) == 3 * (2 + 1)
    mallory = scene.view(clients=["mallory"])[lambda f: f["what"] == "received"]
    assert set(mallory["kind"]) == {"mask", "echo", "output"}
    outputs = mallory[mallory["kind"] == "output"]
    z = outputs[outputs["part"] == 0]["value"].iloc[0]
    r = sum(v[1:].astype(object) for v in outputs[outputs["part"] == 1]["value"])
    p = scene.lab.field.modulus
    assert [int(a + b) % p for a, b in zip(z, r, strict=True)] == [617283945, p - 6913580247]


def test_all_servers_together_can_put_a_secret_together(scene):
    held = scene.view([0, 1, 2])
    x = held[(held["what"] == "held") & (held["step"] == f"secret {scene.x.number}")]["value"]
    assert sum(x.astype(object)).tolist()[0] % scene.lab.field.modulus == 123456789


def test_a_view_is_in_the_order_of_events_and_read_only_in_effect(scene):
    frame = scene.view([0])
    received = frame[frame["what"] == "received"]
    records = [r for r in scene.lab.transcript.records if r.receiver == "server 0"]
    assert received["session"].drop_duplicates().tolist() == list(
        dict.fromkeys(r.session for r in records)
    )
    assert frame.columns.tolist() == [
        "party", "what", "session", "phase", "step", "round", "sender", "kind", "part", "value",
    ]
    assert frame["round"].dtype == "Int64"


def test_a_view_of_nobody_is_empty(scene):
    assert scene.view().empty
    assert scene.view(clients=[]).columns.tolist()[0] == "party"


def test_a_handle_that_is_gone_is_held_no_more():
    with Lab(seed=1) as lab:
        x = lab.god.secret([1])
        assert len(lab.view(servers=[0])) == 3
        del x
        assert len(lab.view(servers=[0])) == 1


@pytest.mark.parametrize("servers", [[3], [-1], ["1"], [1.0], [0, 7], [None]], ids=str)
def test_a_server_that_is_not_there(scene, servers):
    with pytest.raises(InputError, match=r"there is no server .*: they are 0 to 2"):
        scene.view(servers)


@pytest.mark.parametrize("clients", [["eve"], ["alice", "eve"], "eve", [5], [None], ["Alice"]],
                         ids=str)
def test_a_client_that_is_not_there(scene, clients):
    with pytest.raises(InputError, match=r"no client .* has taken part|takes a list"):
        scene.view(clients=clients)


@pytest.mark.parametrize("servers", [1, None], ids=str)
def test_one_server_without_a_list(scene, servers):
    with pytest.raises(InputError):
        scene.view(servers)


@pytest.mark.parametrize("name", ["server 0", "dealer"])
def test_servers_and_the_dealer_are_no_clients(scene, name):
    with pytest.raises(InputError):
        scene.view(clients=[name])


def test_without_contents_there_is_no_view(tmp_path):
    lab = Scene(2, contents=False).lab
    assert lab.network.contents == {}
    for ask in (lambda: lab.view([0]), lambda: lab.view(clients=["bob"]), lab.god.messages,
                lambda: lab.god.export(tmp_path / "x.jsonl")):
        with pytest.raises(InputError, match=r"make it with Lab\(..., contents=True\)"):
            ask()
    assert not (tmp_path / "x.jsonl").exists()
    assert lab.god.key > 0


# -- the god view ---------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 5])
def test_god_sees_right(n):
    s = Scene(n)
    god, F = s.lab.god, s.lab.field
    assert god.value(s.x).tolist() == [123456789, -987654321]
    assert god.value(s.product).tolist() == s.hers.tolist()
    assert god.value(s.z) == -3
    assert np.array_equal(god.value(s.bits), s.public)
    assert god.shares(s.x).shape == god.macs(s.x).shape == (n, 2)
    assert god.shares(s.z).shape == (n,)
    total = F.sum(god.shares(s.x), axis=0)
    assert F.signed(total).tolist() == [123456789, -987654321]
    assert god.key == sum(int(v.key.alpha) for v in s.lab.servers) % F.modulus
    macs = F.sum(god.macs(s.x), axis=0)
    assert [int(m) for m in macs] == [int(t) * god.key % F.modulus for t in total]
    assert all(map(god.mac_holds, (s.x, s.y, s.z, s.product, s.bits)))
    half = s.lab.secret(1.5)
    assert god.value(half) == 1.5
    assert repr(god).startswith("God(sees everything in Lab(")


def test_god_sees_a_broken_mac():
    with Lab(seed=1) as lab:
        x = lab.god.secret([4, 5])
        lab.servers[1].storage["secrets"][x.number].data[0, 0] ^= np.uint64(1)
        assert not lab.god.mac_holds(x)


def test_god_makes_secrets_without_messages():
    with Lab(3, seed=1) as lab:
        parts = lab.god.share([7, -8])
        assert lab.field.signed(reconstruct(parts)).tolist() == [7, -8]
        assert mac_holds(parts)
        assert lab.god.secret([7, -8]).reveal().tolist() == [7, -8]
        assert not any(r.phase == "upload" for r in lab.transcript.records)


def test_god_reads_all_messages(scene):
    frame = scene.lab.god.messages()
    senders = scene.lab.transcript.records
    assert set(frame["party"]) == {r.receiver for r in senders}
    assert len(frame) == sum(
        len(scene.view([i])[lambda f: f["what"] == "received"]) for i in range(3)
    ) + len(scene.view(clients=["alice", "bob", "mallory"])[lambda f: f["what"] == "received"])


@pytest.mark.parametrize("seed", [None, 4])
def test_exports_can_be_read_again(tmp_path, seed):
    path = tmp_path / "run.jsonl"
    with Lab(3, seed=seed, network="wan") as lab:
        assert (lab.secret([1, 2]) * lab.client("bob").upload([3, 4])).reveal().tolist() == [3, 8]
        lab.god.export(path)
        head, *records = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        assert head["servers"] == 3
        assert head["modulus"] == 2**61 - 1
        assert head["seed"] == seed
        assert head["alpha"] == [int(s.key.alpha) for s in lab.servers]
        assert "wan" in head["network"]
        assert len(records) == len(lab.transcript)
        for number, (record, r) in enumerate(zip(records, lab.transcript.records, strict=True)):
            data = bytes.fromhex(record.pop("data"))
            assert data == lab.network.contents[number]
            assert len(data) == record["bytes"]
            assert record == {name: getattr(r, name) for name in record}
            _, sections = wire.decode(lab.field, data)
            assert " + ".join(dict.fromkeys(s.label for s in sections)) == r.step


def test_what_can_be_seen_when_a_lab_is_closed():
    lab = Scene().lab
    x = lab.god.secret([1])
    lab.close()
    with pytest.raises(Abort, match="closed"):
        lab.god.value(x)
    held = lab.view(servers=[0])
    assert held[held["what"] == "held"]["step"].tolist() == ["alpha_i"]
    assert (held["what"] == "received").any()
