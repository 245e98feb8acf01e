"""Every kind of message that the protocols send has a sentence of its own, and the right one."""

import re
import subprocess
import sys

import numpy as np
import pytest

from mpclab import Lab, multiply
from mpclab.conclusions import CONCLUSIONS, conclusion, conclusions
from mpclab.errors import InputError
from mpclab.protocols.checks import commit_coin, plain_check
from mpclab.recommender import Parameters, Recommender


def recommended(servers, comparison):
    ratings = np.random.default_rng(1).integers(1, 11, (20, 11)).astype(np.uint8)
    lab = Lab(servers=servers, seed=1, comparison=comparison)
    recommender = Recommender(lab, Parameters(users=20, items=11, dense=5))
    recommender.preprocess(rows=20)
    recommender.preprocess(queries=1)
    recommender.upload(ratings)
    recommender.recommend(ratings[0], threshold=0.3, user=0)
    return lab


def computed(servers, comparison):
    lab = Lab(servers=servers, seed=1, comparison=comparison)
    x, y = lab.client("alice").upload([5, -6]), lab.client("bob").upload([2, 3])
    (x * y).reveal()
    (x == y).reveal()
    np.sort(x).reveal()
    (x @ y).reveal()
    np.where(x > y, x, y).reveal_to(lab.client("carol"))
    (lab.secret([1.5]) * lab.secret([2.5])).reveal()
    if comparison == "tables":
        (x // 3).reveal()
    return lab


@pytest.fixture(scope="module")
def records():
    ways = [(3, "tables"), (3, "bits"), (2, "fss"), (2, "exact")]
    labs = [make(*way) for make in (recommended, computed) for way in ways]
    return {(r.kind, r.step) for lab in labs for r in lab.transcript.records}


def test_every_message_has_a_conclusion_of_its_own(records):
    general = CONCLUSIONS["open"][""]
    for kind, step in records:
        told = conclusions(kind, step)
        assert len(told) == len(kind.split(" + ")), (kind, step)
        assert not any("none of mpclab's" in t for t in told), (kind, step)
        assert general not in told, (kind, step)


def test_every_entry_is_used(records):
    """Nothing in the table speaks of a message that there is not."""
    told = {sentence for kind, step in records for sentence in conclusions(kind, step)}
    rare = {
        ("open", ""), ("commit", ""), ("reveal", ""), ("hash", ""), ("compare", ""),
        ("commit", "sigma commit"), ("reveal", "sigma reveal"),
        ("hash", "same row"), ("hash", "same rows"), ("compare", "rows in force"),
    }  # fmt: skip
    for kind, table in CONCLUSIONS.items():
        for step, sentence in table.items():
            if (kind, step) not in rare:
                assert sentence in told, (kind, step)


def test_the_plain_check_is_told_from_the_other():
    lab = Lab(servers=2, seed=1)

    async def plain(party, x):
        coin = await commit_coin(party)
        y = await multiply(party, x, x)
        await plain_check(party, coin)
        return y

    lab.run(plain, lab.secret(3))
    (step,) = {r.step for r in lab.transcript.records if "sigma reveal" in r.step}
    assert "computes alpha" in conclusion("reveal", step)
    assert "not even when it failed" in conclusion("reveal", "check/zeta reveal")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("product/x - a, y - b", ["x - a and y - b, for a multiplication"]),
        ("compare/x + r", ["computes x + r, which is uniform whatever x is"]),
        ("compare/2 x + r", ["computes 2 x + r"]),
        ("X + r", ["for a division"]),
        ("sort/level 12", ["one level of a comparison in bits"]),
        ("f/x + r + f/y - r", ["computes x + r", "computes y - r"]),
        ("f/D + 2^m t + r2", ["computes D + 2^m t + r2"]),
        ("mine/oops", ["if not, every server now knows it"]),
        ("mine/d + mine/e", ["if not, every server now knows it"]),
        ("f/x + r + f/oops", ["computes x + r", "if not, every server now knows it"]),
        ("my x + r", ["if not, every server now knows it"]),  # not the x + r of a comparison
    ],
)
def test_openings_are_told_apart(step, said):
    told = conclusions("open", step)
    assert len(told) == len(said)
    assert all(words in sentence for words, sentence in zip(said, told, strict=True))


def test_what_travelled_together_is_told_together():
    both = conclusions("hash + open", "compare/same query + compare/x + r")
    assert ["masked query" in both[0], "x + r" in both[1]] == [True, True]
    assert len(conclusions("compare + commit", "chi + coin commit")) == 2
    assert conclusion("hash + open", "a/same query + a/x + r") == " ".join(both)


def test_a_kind_of_ones_own_is_no_promise():
    assert "its protocol must say" in conclusion("gossip", "anything")
    with pytest.raises(InputError, match="the kind of the message is empty"):
        conclusion(" ", "step")


def test_sentences_are_sentences():
    for table in CONCLUSIONS.values():
        assert "" in table
        for sentence in table.values():
            assert re.fullmatch(r"[A-Z].*\.", sentence)
            assert not re.search(r"  |\{|\}|\.\.", sentence)
            assert len(sentence) < 330


def test_it_is_pure():
    script = "import sys, mpclab.conclusions; print(*sorted(sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not {"mpclab.diagram", "mpclab.style", "pandas"} & set(answer.stdout.split())
