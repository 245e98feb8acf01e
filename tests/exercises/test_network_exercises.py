"""The checks of chapter 09 take any right answer, and explain a wrong one."""

import numpy as np
import pytest

from mpclab import InputError, multiply, reveal, together
from mpclab.exercises import NotYet
from mpclab.exercises.network import check_plan, check_product, check_seconds, comparison_costs
from mpclab.sharing import concatenate


@pytest.mark.parametrize(
    "seconds",
    [
        lambda r, b, lat, w: r * lat + 8 * b / w,
        lambda r, b, lat, w: np.float64(lat * r + b / (w / 8)),
        lambda r, b, lat, w: sum(lat + 8 * b / w / r for _ in range(r)),
    ],
)
def test_the_formula_in_any_form(seconds):
    assert check_seconds(seconds).startswith("It agrees with the clock")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (lambda r, b, lat, w: r * lat + b / w, "a byte has 8 bits"),
        (lambda r, b, lat, w: lat + 8 * b / w, "every round takes a latency"),
        (lambda r, b, lat, w: r * (lat + 8 * b / w), "not once a round"),
        (lambda r, b, lat, w: 2 * r * lat + 8 * b / w, "one latency, not two"),
        (lambda r, b, lat, w: r * lat, "bytes take time"),
        (lambda r, b, lat, w: 8 * b / w, "on its way for one latency"),
        (lambda r, b, lat, w: max(r * lat, 8 * b / w), "bytes take time|on its way for one"),
        (lambda r, b, lat, w: 1000 * (r * lat + 8 * b / w), "milliseconds"),
        (lambda r, b, lat, w: r * lat + 8 * b * w, "divide"),
        (lambda r, b, lat, w: None, "it returns nothing"),
        (lambda r, b, lat, w: [1], "return a number of seconds"),
        (lambda r, b, lat, w: (r + 1) * lat + 8 * b / w, "one latency too many"),
        (lambda r, b, lat, w: -1.0, "0 or more"),
        (lambda r, b, lat, w: float("nan"), "0 or more"),
        (lambda r, b, lat, w: 10**400, "0 or more"),
        (lambda r, b, lat, w: "3", "0 or more"),
        (lambda r, b: 0, "it stops with TypeError"),
        (7, "is a function"),
    ],
)
def test_what_is_not_the_formula(seconds, told):
    with pytest.raises(NotYet, match=told):
        check_seconds(seconds)


# -- a tree ----------------------------------------------------------------------------------------


async def halves(party, x):
    while len(x) > 1:
        half = len(x) // 2
        pairs = await multiply(party, x[:half], x[half : 2 * half])
        x = concatenate([pairs, x[2 * half :]])
    return x


async def neighbours(party, x):
    while len(x) > 1:
        even = len(x) - len(x) % 2
        pairs = await multiply(party, x[0:even:2], x[1:even:2])
        x = concatenate([pairs, x[even:]])
    return x[0]


async def recursive(party, x):
    if len(x) == 1:
        return x
    middle = (len(x) + 1) // 2
    left, right = await together(recursive(party, x[:middle]), recursive(party, x[middle:]))
    return await multiply(party, left, right)


@pytest.mark.parametrize("product", [halves, neighbours, recursive])
def test_any_tree(product):
    assert check_product(product).startswith("Right for every length")


async def chain(party, x):
    result = x[:1]
    for k in range(1, len(x)):
        result = await multiply(party, result, x[k : k + 1])
    return result


async def left_out(party, x):
    while len(x) > 1:
        half = len(x) // 2
        x = await multiply(party, x[:half], x[half : 2 * half])
    return x


async def added(party, x):
    return x.sum()


async def opened(party, x):
    return await reveal(party, await halves(party, x))


async def half_way(party, x):
    return await multiply(party, x[: len(x) // 2], x[len(x) // 2 :])


async def silent(party, x):
    await halves(party, x)


async def all_in_the_clear(party, x):
    product = 1
    for value in party.field.signed(await party.open_masked(x, "x - a")):
        product *= int(value)
    return x[:1] * 0 + product


async def hasty(party, x):
    return halves(party, x)


@pytest.mark.parametrize(
    ("product", "told"),
    [
        (chain, "takes? . rounds|take 3 rounds instead of 2"),
        (left_out, "the last entry is missing"),
        (added, "it must be|that is the sum"),
        (opened, "leave the result shared"),
        (half_way, "it returns 2 numbers: one is the product"),
        (lambda party, x: x, "it stops with"),
        (None, "is a function"),
        (silent, "it returns nothing"),
        (hasty, "an `await` is missing"),
        (all_in_the_clear, "opened in the clear at the step .*x - a'"),
    ],
)
def test_what_is_no_product(product, told):
    with pytest.raises(NotYet, match=told):
        check_product(product)


# -- a plan ----------------------------------------------------------------------------------------


def made(legs=1, with_material=True, with_sent=True, only=None, part=1.0):
    """A plan with something left out."""

    def plan(costs, latency, bandwidth, deadline):
        counts = {}
        for way, (rounds, sent, material) in costs.items():
            if only in (None, way):
                left = deadline - (0 if legs is None else rounds + legs) * latency
                each = sent * with_sent + material * with_material
                counts[way] = int(part * left * bandwidth / (8 * each))
        way = max(counts, key=counts.get)
        return way, counts[way]

    return plan


def test_a_right_plan_is_taken_every_time():
    for _ in range(4):
        assert check_plan(made()).startswith("In time")
    assert check_plan(made(part=0.995)).startswith("In time")


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (made(with_material=False), "material must come first"),
        (made(legs=None), "take a latency each"),
        (made(legs=0), "on its way for a latency, too"),
        (made(with_sent=False), "takes time to leave|does"),
        (made(part=8), "a byte has 8 bits|too late"),
        (made(only="tables"), "'bits' does|'fss' does"),
        (made(only="bits"), "'tables' does|count is|'fss' does"),
        (made(part=0.5), "fill the time that is left"),
        (lambda c, lat, w, d: ("yao", 5), "'yao' is none of 'tables', 'bits'"),
        (lambda c, lat, w, d: ("tables", 5.0), "must be an integer"),
        (lambda c, lat, w, d: ("tables", True), "must be an integer"),
        (lambda c, lat, w, d: ("tables", 0), "the count is 0, though"),
        (lambda c, lat, w, d: ("bits", 10**9), "too late|take"),
        (made(legs=2), "one latency too many"),
        (lambda c, lat, w, d: 5, "must return a way and a count"),
        (lambda c: 5, "it stops"),
        (lambda c, lat, w, d: ("tables", 10**400), "the count has 1329 bits: no more than"),
        (lambda c, lat, w, d: ("tables", 10**14), "take"),
        (lambda c, lat, w, d: (["tables"], 5), "is none of"),
    ],
)
def test_what_is_no_plan(plan, told):
    with pytest.raises(NotYet, match=told):
        check_plan(plan)


@pytest.mark.parametrize("servers", [[2], 100, 1, True, 2.0, "2"])
def test_costs_are_for_two_to_ten_servers(servers):
    with pytest.raises(InputError, match=r"servers is .*: it must be a whole number from 2 to 10"):
        comparison_costs(servers)


def test_costs_are_what_the_protocols_open():
    for servers in (2, 3, 5):
        costs = comparison_costs(servers)
        assert costs["tables"][:2] == (2, 16 * (servers - 1))  # two openings of 8 bytes
        assert costs["tables"][2] > costs["bits"][2]
        assert ("fss" in costs) == (servers == 2)


def test_what_is_not_written_yet_passes():
    def unwritten(*arguments):
        raise NotYet("write it here")

    async def unwritten_protocol(party, x):
        raise NotYet("write it here")

    for check, answer in ((check_seconds, unwritten), (check_plan, unwritten),
                          (check_product, unwritten_protocol)):  # fmt: skip
        with pytest.raises(NotYet, match=r"^write it here$"):
            check(answer)
