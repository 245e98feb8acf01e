"""The checks of chapter 06 take any right answer, and explain a wrong one."""

import numpy as np
import pytest

from mpclab.exercises import NotYet
from mpclab.exercises.comparison import check_auction, check_digits, check_turned

# -- a table turned by a secret amount -------------------------------------------------------------


def by_places(f, r, p):
    table = [None] * p
    for x in range(p):
        table[(x + r) % p] = f[x]
    return tuple(table)


@pytest.mark.parametrize(
    "turned",
    [
        by_places,
        lambda f, r, p: [f[(e - r) % p] for e in range(p)],
        lambda f, r, p: f[-r:] + f[:-r],
        lambda f, r, p: np.roll(f, r),
    ],
)
def test_any_way_to_turn_a_table(turned):
    assert check_turned(turned)


@pytest.mark.parametrize(
    ("turned", "told"),
    [
        (lambda f, r, p: [f[(e + r) % p] for e in range(p)], "the other way"),
        (lambda f, r, p: f, "f itself"),
        (lambda f, r, p: [f[e + r] for e in range(p)], "it stops for p = 11"),
        (lambda f, r, p: f[:-1], "it takes 11"),
        (lambda f, r, p: [0] * p, "the servers open e"),
        (lambda f, r, p: None, "it stops"),
        (lambda f, r, p: f[r], "it stops"),
        (lambda f: f, "it stops"),
        (["a table"], "it stops"),
    ],
)
def test_tables_that_are_turned_otherwise(turned, told):
    with pytest.raises(NotYet, match=told):
        check_turned(turned)


# -- digits ----------------------------------------------------------------------------------------


def horner(signs):
    total = 0
    for s in reversed(signs):
        total = 2 * total + s
    return total


@pytest.mark.parametrize(
    "combine", [horner, lambda signs: sum(s << i for i, s in enumerate(signs))]
)
def test_any_way_to_put_digits_together(combine):
    assert check_digits(combine)


def highest(signs):
    return next((s for s in reversed(signs) if s), 0)


@pytest.mark.parametrize(
    ("combine", "told"),
    [
        (sum, "must not outvote a higher one"),
        (lambda signs: horner(signs[::-1]), "from the other end"),
        (lambda signs: sum(3**i * s for i, s in enumerate(signs)), "too large"),
        (highest, "wrong for shares"),
        (lambda signs: signs[-1], "the highest digit that is not 0 decides"),
        (lambda signs: -horner(signs), "the highest digit that is not 0 decides"),
        (lambda signs: None, "it stops"),
        (lambda signs: signs["top"], "it stops"),
        (7, "it stops"),
    ],
)
def test_digits_that_are_put_together_otherwise(combine, told):
    with pytest.raises(NotYet, match=told):
        check_digits(combine)


# -- the auction -----------------------------------------------------------------------------------


def sorted_bids(bids):
    return bids.argmax().reveal(), np.sort(bids)[-2].reveal()


def without_the_winner(bids):
    winner = bids.argmax().reveal()
    return [winner, np.max(np.where(np.arange(bids.size) == winner, 0, bids)).reveal()]


@pytest.mark.parametrize("auction", [sorted_bids, without_the_winner])
def test_any_second_price_auction(auction):
    assert check_auction(auction)


def in_the_clear(bids):
    known = bids.reveal()
    return int(known.argmax()), int(np.sort(known)[-2])


def tells_the_highest(bids):
    bids.max().reveal()
    return sorted_bids(bids)


def to_one_client(bids):
    known = bids.lab.client("auctioneer").receive(bids)
    return int(known.argmax()), int(np.sort(known)[-2])


@pytest.mark.parametrize(
    ("auction", "told"),
    [
        (in_the_clear, "2 numbers were revealed on the way"),
        (tells_the_highest, "3 numbers were revealed"),
        (to_one_client, "numbers were revealed"),
        (lambda bids: (bids.argmax().reveal(), bids.max().reveal()), "the second one"),
        (lambda bids: (bids.argmax(), bids.max().reveal()), "the winner is still a secret"),
        (lambda bids: (bids.argmin().reveal(), 5), "is the highest"),
        (lambda bids: (bids.argmax().reveal(), -1), "the price must be"),
        (lambda bids: (bids.size, 5), "bidders are 0 to 1"),
        (lambda bids: bids.argmax().reveal(), r"\(winner, price\)"),
        (lambda bids: (bids.argmax().reveal(), np.sort(bids).reveal()), "it takes one number"),
        (lambda bids: sorted(bids), "it stops with SecretError"),
        (lambda bids: ("alice", 5), "it takes one number"),
        (None, "it stops with TypeError"),
    ],
)
def test_what_is_no_such_auction(auction, told):
    if auction is in_the_clear:  # two bidders' bids are two numbers: more bidders tell
        told = "numbers were revealed on the way"
    with pytest.raises(NotYet, match=told):
        check_auction(auction)
