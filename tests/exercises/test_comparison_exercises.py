"""The checks of chapter 06 take any right answer, and explain a wrong one."""

import numpy as np
import pytest

from mpclab import reveal
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
        (lambda f, r, p: None, "it returns nothing for p = 11"),
        (lambda f, r, p: f[r], "return a list of 11 whole numbers"),
        (lambda f: f, "it stops"),
        (lambda f, r, p: [v + 0.4 for v in by_places(f, r, p)], "whole numbers"),
        (["a table"], "is a function"),
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
    "combine",
    [horner, lambda signs: sum(s << i for i, s in enumerate(signs)), lambda signs: wide(signs)],
)
def test_any_way_to_put_digits_together(combine):
    assert check_digits(combine)


def narrow(signs):
    return np.dot(2 ** np.arange(len(signs)), signs)


def wide(signs):
    return np.dot(2 ** np.arange(len(signs)), np.array(signs, object))


def with_halves(signs):
    return sum(2.0**i * s for i, s in enumerate(signs))


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
        (lambda signs: None, "it returns nothing"),
        (lambda signs: [1, 2], "D is one number"),
        (lambda signs: horner(signs) + 0.3, "D is a whole number"),
        (lambda signs: float("inf"), "D is one number"),
        (lambda signs: float("nan"), "D is one number"),
        (narrow, "overflow at 2\\^64: use Python's"),
        (with_halves, "exact up to 2\\^53"),
        (lambda signs: signs["top"], "it stops"),
        (7, "is a function"),
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
    assert "only these two numbers" in check_auction(auction)


def test_the_winner_alone_may_be_opened_as_a_vector():
    def one_hot(bids):
        chosen = (np.arange(bids.size) == bids.argmax()).reveal()
        return float(np.flatnonzero(chosen)[0]), np.sort(bids)[-2].reveal()

    assert "nothing was revealed that tells more" in check_auction(one_hot)


def by_a_program(bids):
    async def peek(party, x):
        return await reveal(party, x, "peek")

    bids.lab.run(peek, bids)
    return sorted_bids(bids)


def packed(bids):
    total = bids[0]
    for k in range(1, bids.size):
        total = total * 1000 + bids[k]
    number, known = int(total.reveal()), []
    while number:
        known.insert(0, number % 1000)
        number //= 1000
    return known.index(max(known)), sorted(known)[-2]


def who_bids_as_much(bids):
    as_much = (bids == bids.max()).reveal()
    return int(np.flatnonzero(as_much)[0]), np.sort(bids)[-2].reveal()


def as_god(bids):
    known = bids.lab.god.value(bids)
    return int(known.argmax()), int(np.sort(known)[-2])


def in_the_clear(bids):
    known = bids.reveal()
    return int(known.argmax()), int(np.sort(known)[-2])


def tells_the_highest(bids):
    bids.max().reveal()
    return sorted_bids(bids)


def to_one_client(bids):
    known = bids.lab.client("auctioneer").receive(bids)
    return int(known.argmax()), int(np.sort(known)[-2])


def one_less_if_equal(bids):
    return bids.argmax().reveal(), (bids * (1 - (bids >= bids.max()))).max().reveal()


def last_of_equal(bids):
    return bids.size - 1 - bids[::-1].argmax().reveal(), np.sort(bids)[-2].reveal()


async def asynchronous(bids):
    return sorted_bids(bids)


@pytest.mark.parametrize(
    ("auction", "told"),
    [
        (in_the_clear, "2 numbers were revealed on the way"),
        (tells_the_highest, "3 numbers were revealed"),
        (to_one_client, "revealed to auctioneer alone"),
        (lambda bids: (bids.argmax().reveal(), bids.max().reveal()), "the second one"),
        (lambda bids: (bids.argmax(), bids.max().reveal()), "the winner is still a secret"),
        (lambda bids: (bids.argmin().reveal(), 5), "is the highest"),
        (lambda bids: (bids.argmax().reveal(), -1), "the price must be"),
        (lambda bids: (bids.size, 5), "bidders are 0 to 1"),
        (lambda bids: bids.argmax().reveal(), r"\(winner, price\)"),
        (lambda bids: (bids.argmax().reveal(), np.sort(bids).reveal()), "one whole number"),
        (lambda bids: sorted(bids), "it stops with SecretError"),
        (lambda bids: ("alice", 5), "it takes one whole number"),
        (None, "is a function"),
        (one_less_if_equal, "the highest bid was made more than once"),
        (last_of_equal, "of equal highest bids the first wins"),
        (by_a_program, "(was|were) revealed on the way"),
        (packed, "1 number was revealed on the way"),
        (who_bids_as_much, "numbers were revealed on the way"),
        (as_god, "nobody real can: do without"),
        (lambda bids: (sorted_bids(bids)[0] + 0.9, 5),
         r"the winner is \d\.9: it takes one whole number"),
        (lambda bids: (sorted_bids(bids)[0], sorted_bids(bids)[1] + 0.4), "one whole number"),
        (lambda bids: (sorted_bids(bids)[0], float("nan")), "the price is nan"),
        (lambda bids: (sorted_bids(bids)[0], float("inf")), "the price is inf"),
        (asynchronous, "a plain `def`, without `async`"),
        (lambda bids: None, "it returns nothing"),
    ],
)
def test_what_is_no_such_auction(auction, told):
    with pytest.raises(NotYet, match=told):
        check_auction(auction)


def test_what_is_not_written_yet_passes():
    def unwritten(*arguments):
        raise NotYet("write it here")

    for check in (check_turned, check_digits, check_auction):
        with pytest.raises(NotYet, match=r"^write it here$"):
            check(unwritten)
