"""Every protocol of the package has views that do not depend on secrets; leaky ones are found out.

Each case runs a protocol on two inputs with the same output, and compares what a coalition of all
servers but one received and what was opened. False alarms: 1e-6 for each case; the seeds are fixed.
"""

import numpy as np
import pytest

from mpclab import InputError, floor_divide, multiply, reveal
from mpclab.privacy import compare_views
from mpclab.protocols import arithmetic
from mpclab.protocols.checks import check_openings, commit_coin
from mpclab.protocols.comparison import METHODS

RUNS = 30


async def product(party, x, y):
    return await multiply(party, x, y)


async def matrix_product(party, x, y):
    return await arithmetic.matmul(party, x.reshape(1, 2), y.reshape(2, 1))


async def less(party, x, y):
    return await arithmetic.less(party, x, y)


async def equal(party, x, y):
    return await arithmetic.equal(party, x, y)


async def where(party, x, y):
    return await arithmetic.where(party, await arithmetic.less(party, x, 0), x, y)


async def maximum(party, x, y):
    return await arithmetic.maximum(party, x + y)


async def argmax(party, x, y):
    return await arithmetic.argmax(party, x - y)


async def sort(party, x, y):
    return await arithmetic.sort(party, x + y)


async def halves(party, x, y):
    return await floor_divide(party, x + y, 7, 12)


async def total(party, x, y):
    return await reveal(party, (await multiply(party, x, y)).sum())


async def checked(party, x, y):
    z = await multiply(party, x, y)
    await check_openings(party, await commit_coin(party))
    return z


PROTOCOLS = [
    product, matrix_product, less, equal, where, maximum, argmax, sort, halves, total, checked,
]
FIRST = ([3, -5], [4, 2])
SECOND = ([-1, 3], [1, 1])  # 3 * 4 - 5 * 2 = -1 + 3: the same inner product


@pytest.mark.parametrize("servers", [3])
@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda f: f.__name__)
def test_views_do_not_tell_inputs_apart(protocol, servers):
    coalition = range(1, servers)
    report = compare_views(
        protocol, FIRST, SECOND, servers=servers, coalition=coalition, runs=RUNS, bits=10
    )
    assert report.passed, report


@pytest.mark.parametrize("method", METHODS)
def test_views_of_every_way_to_compare(method):
    report = compare_views(
        less, FIRST, SECOND, servers=2, coalition=[0], runs=RUNS, comparison=method, bits=10
    )
    assert report.passed, report


async def unmasked(party, x, y):
    await party.open_masked(x - y, "x - y")
    return await multiply(party, x, y)


async def mask_used_twice(party, x, y):
    from mpclab.preprocessing.material import Triples

    a = party.take(Triples(2))["a"]
    await party.open_masked(x - a, "first")
    await party.open_masked(y - a, "second")
    return x


async def short_mask(party, x, y):
    """A mask of 4 bits on numbers of 3: the upper half of the field is never seen."""
    from mpclab.preprocessing.material import Triples

    a = party.take(Triples(2))["a"]
    small = a - a + np.frombuffer(party.random_bytes(2), np.uint8) % 16
    await party.open_masked(x * 1000 + small, "x + r")
    return x


async def tells_one_server(party, x, y):
    await party.broadcast("share", "told", x.value if party.index == 0 else x.value * 0)
    return x


@pytest.mark.parametrize("protocol", [unmasked, mask_used_twice, short_mask])
@pytest.mark.parametrize("servers", [2, 3])
def test_leaks_are_found(protocol, servers):
    report = compare_views(
        protocol, FIRST, SECOND, servers=servers, coalition=range(1, servers), runs=RUNS, bits=10
    )
    assert not report.passed, report


def test_one_share_of_several_is_no_leak():
    report = compare_views(
        tells_one_server, FIRST, SECOND, servers=3, coalition=[1], runs=RUNS, bits=10
    )
    assert report.passed, report


def test_results_and_shapes_must_be_alike():
    with pytest.raises(InputError, match="differ"):
        compare_views(total, FIRST, ([1, 2], [3, 4]), runs=10, bits=10)
    with pytest.raises(InputError, match="shapes"):
        compare_views(total, FIRST, ([1], [1]), runs=10, bits=10)
