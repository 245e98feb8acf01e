"""What a program opens in the clear is found, however it is opened; what is masked is not."""

import numpy as np
import pytest

from mpclab import Lab, matmul, multiply, reveal
from mpclab.exercises import NotYet
from mpclab.exercises.watching import watch

BIDS = [5, 9, 2, 7]


def bids(lab):
    return (lab.client("alice").upload(BIDS),)


@pytest.mark.parametrize("servers", [2, 3])
@pytest.mark.parametrize("comparison", ["tables", "bits"])
def test_an_honest_auction_opens_its_result_alone(servers, comparison):
    def auction(b):
        return int(np.argmax(b).reveal()), int(np.sort(b)[-2].reveal())

    seen = watch(auction, bids, servers, comparison=comparison)
    assert seen.results == [(1, 7)] * 2
    assert sorted(value for _, value in seen.clear) == [1, 7]


def test_one_number_that_holds_all_is_seen():
    seen = watch(lambda b: (b[0] * 1000 + b[1]).reveal(), bids)
    assert [value for _, value in seen.clear] == [5009]


def run(program):
    """As a program of the lab's."""
    return watch(lambda b: b.lab.run(program, b) is not None, bids).clear


def test_openings_of_every_kind_are_seen():
    async def under_another_name(party, x):
        return await reveal(party, x, "x - a")

    async def unmasked(party, x):
        return await party.open_masked(x * party.field.array(1 << 45), "x - a")

    async def one_by_one(party, x):
        for k in range(4):
            await party.open_masked(x[k : k + 1], "x - a")
        return x

    async def broadcast(party, x):
        await party.broadcast("coins", "peek", x.value)
        return x

    async def shifted(party, x):
        return await party.open_masked(x + 1000, "x - a")

    assert [v for _, v in run(under_another_name)] == BIDS
    assert [v for _, v in run(unmasked)] == [v << 45 for v in BIDS]
    assert [v for _, v in run(one_by_one)] == BIDS
    assert [v for _, v in run(broadcast)] == BIDS
    assert [v for _, v in run(shifted)] == [v + 1000 for v in BIDS]


def test_products_and_comparisons_open_nothing_in_the_clear():
    async def program(party, x):
        y = await multiply(party, x, x)
        return await matmul(party, x.reshape(2, 2), y.reshape(2, 2))

    assert run(program) == []
    assert watch(lambda b: (b < 6), bids, 3).clear == []


def test_god_is_not_asked():
    with pytest.raises(NotYet, match="do without"):
        watch(lambda b: b.lab.god.value(b), bids)
    lab = watch(lambda b: b + 1, bids).labs[0]
    assert isinstance(lab, Lab)
    assert lab.god.key  # whoever examines may


def test_what_stops_is_told():
    with pytest.raises(NotYet, match="it stops for four bids with ZeroDivisionError"):
        watch(lambda b: 1 / 0, bids, case="for four bids")
