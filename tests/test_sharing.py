"""Shares: they reconstruct, their MACs hold, any n - 1 of them say nothing."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import chi2

from mpclab.errors import InputError
from mpclab.field import MERSENNE_61, Field
from mpclab.randomness import Stream
from mpclab.sharing import (
    MOST_SERVERS,
    KeyShare,
    Share,
    additive,
    check_servers,
    concatenate,
    deal_keys,
    mac_holds,
    reconstruct,
    reconstruct_key,
    share_out,
    stack,
)

fixed = settings(derandomize=True, max_examples=50)
ERROR_RATE = 1e-9  # of each chi-square test, had its stream not a fixed seed
PRIMES = [3, 101, 65537, 2**31 - 1, 4294967311, 1152921504606847009, MERSENNE_61]


def stream(n: int = 0) -> Stream:
    return Stream(n.to_bytes(32, "big"))


def keys_of(p: int, n: int) -> list[KeyShare]:
    return deal_keys(Field(p), n, stream(7))


setting = st.tuples(st.sampled_from(PRIMES), st.integers(2, 5), st.integers(0, 2**32))
shapes = st.sampled_from([(), (1,), (4,), (2, 3), (0,), (2, 1, 2)])


@st.composite
def shared(draw, how_many: int = 1):
    """Keys, and secrets of one shape together with their shares (one list per secret)."""
    p, n, number = draw(setting)
    keys, source = keys_of(p, n), stream(number)
    shape = draw(shapes)
    element = st.one_of(st.sampled_from([0, 1, p - 1, p // 2]), st.integers(0, p - 1))
    secrets = []
    for _ in range(how_many):
        size = int(np.prod(shape))
        flat = draw(st.lists(element, min_size=size, max_size=size))
        secrets.append(np.array(flat, np.uint64).reshape(shape))
    return keys, secrets, [share_out(x, keys, source) for x in secrets]


def check(parts, expected, p):
    """The parts are shares of `expected` (Python integers, reduced here), MACs included."""
    wanted = np.array(np.array(expected, object) % p, object)  # twice: 0-d gives a plain int
    assert [p.shape for p in parts] == [wanted.shape] * len(parts)
    assert reconstruct(parts).tolist() == wanted.tolist()
    assert mac_holds(parts)


def big(x: np.ndarray) -> np.ndarray:
    return x.astype(object)


# -- splitting --------------------------------------------------------------------------------


@fixed
@given(setting, st.data())
def test_additive_shares_sum_to_the_secret(setting, data):
    p, n, number = setting
    x = np.array(data.draw(st.lists(st.integers(0, p - 1), max_size=5)), np.uint64)
    parts = additive(Field(p), x, n, stream(number))
    assert len(parts) == n
    assert all(part.shape == x.shape and Field(p).is_canonical(part) for part in parts)
    assert [sum(map(int, column)) % p for column in zip(*parts, strict=True)] == x.tolist()


@fixed
@given(shared())
def test_share_and_reconstruct(drawn):
    keys, (x,), (parts,) = drawn
    p = keys[0].field.modulus
    alpha = sum(int(k.alpha) for k in keys) % p
    assert int(reconstruct_key(keys)) == alpha
    assert [part.key.index for part in parts] == list(range(len(keys)))
    assert reconstruct(parts).tolist() == x.tolist()
    for secret, *macs in zip(x.flat, *(part.mac.flat for part in parts), strict=True):
        assert sum(map(int, macs)) % p == int(secret) * alpha % p
    assert mac_holds(parts)


@pytest.mark.parametrize("part", [0, 1])
def test_a_changed_share_no_longer_fits_its_mac(part):
    parts = share_out([5, 6], keys_of(MERSENNE_61, 3), stream())
    parts[1].data[part, 0] ^= np.uint64(1)
    assert not mac_holds(parts)


@pytest.mark.parametrize("secret", [0, 1, 4])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_any_all_but_one_shares_are_uniform(n, secret):
    """Jointly: over F_3 or F_5, every combination of n - 1 shares is as frequent as any other."""
    p = 5 if n < 4 else 3
    x = np.full(300 * p ** (n - 1), secret % p, np.uint64)
    parts = np.stack(additive(Field(p), x, n, stream(n))).astype(int)
    for chosen in combinations(range(n), n - 1):
        cells = sum(parts[i] * p**k for k, i in enumerate(chosen))
        counts = np.bincount(cells, minlength=p ** (n - 1))
        statistic = np.sum((counts - 300) ** 2 / 300)
        assert statistic < chi2.isf(ERROR_RATE, p ** (n - 1) - 1), chosen


@pytest.mark.parametrize("holders", [(0,), (1,)])
@pytest.mark.parametrize("secret", [0, 3])
def test_value_and_mac_of_one_server_are_jointly_uniform(holders, secret):
    p = 11
    keys = keys_of(p, 2)
    assert int(reconstruct_key(keys)) != 0
    parts = share_out(np.full(200 * p * p, secret), keys, stream(8))
    (i,) = holders
    cells = parts[i].value.astype(int) * p + parts[i].mac.astype(int)
    statistic = np.sum((np.bincount(cells, minlength=p * p) - 200) ** 2 / 200)
    assert statistic < chi2.isf(ERROR_RATE, p * p - 1)


def test_keys_are_uniform_and_independent():
    p, alphas = 5, []
    source = stream(9)
    for _ in range(5000):
        a, b = deal_keys(Field(p), 2, source)
        alphas.append(p * int(a.alpha) + int(b.alpha))
    statistic = np.sum((np.bincount(alphas, minlength=p * p) - 200) ** 2 / 200)
    assert statistic < chi2.isf(ERROR_RATE, p * p - 1)


def test_two_sharings_of_one_secret_differ():
    keys, source = keys_of(MERSENNE_61, 2), stream()
    first, second = (share_out([5], keys, source) for _ in range(2))
    assert all(int(a.value[0]) != int(b.value[0]) for a, b in zip(first, second, strict=True))


# -- local operations -------------------------------------------------------------------------


@fixed
@given(shared(2), st.integers(-2, 2), st.data())
def test_linear_operations(drawn, c, data):
    keys, (x, y), (xs, ys) = drawn
    p = keys[0].field.modulus
    c = data.draw(st.sampled_from([c, p - 1, 1 - p, p // 2]))
    both = list(zip(xs, ys, strict=True))
    X, Y = big(x), big(y)
    check([a + b for a, b in both], X + Y, p)
    check([a - b for a, b in both], X - Y, p)
    check([-a for a in xs], -X, p)
    check([a + c for a in xs], X + c, p)
    check([c + a for a in xs], X + c, p)
    check([a - c for a in xs], X - c, p)
    check([c - a for a in xs], c - X, p)
    check([a * c for a in xs], X * c, p)
    check([c * a for a in xs], X * c, p)
    check([a + y for a in xs], X + Y, p)
    check([y - a for a in xs], Y - X, p)
    check([a * y for a in xs], X * Y, p)
    check([y * a for a in xs], X * Y, p)
    check([a.sum() for a in xs], X.sum() if x.size else 0, p)
    check([concatenate([a, b]) for a, b in both], np.concatenate([X.ravel(), Y.ravel()]), p)


@pytest.mark.parametrize(
    ("left", "right"),
    [((), (3,)), ((3,), ()), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (3,)), ((4, 1, 3), (2, 1))],
)
def test_operands_broadcast_as_in_numpy(left, right):
    p, keys, source = 101, keys_of(101, 3), stream(4)
    x = Field(p).uniform(stream(1), left)
    y = Field(p).uniform(stream(2), right)
    xs, ys = share_out(x, keys, source), share_out(y, keys, source)
    X, Y = big(x), big(y)
    check([a + b for a, b in zip(xs, ys, strict=True)], X + Y, p)
    check([a - b for a, b in zip(xs, ys, strict=True)], X - Y, p)
    check([a + y for a in xs], X + Y, p)
    check([y - a for a in xs], Y - X, p)
    check([a * y for a in xs], X * Y, p)
    check([y * a for a in xs], X * Y, p)


def test_indexing_and_reshaping_act_on_the_secret():
    keys = keys_of(101, 2)
    x = np.arange(24).reshape(2, 3, 4)
    parts = share_out(x, keys, stream())
    for index in (0, -1, (1, 2), (slice(None), 1), slice(0, 1), (0, 1, [3, 0]), [1, 0], ..., None):
        check([a[index] for a in parts], x[index], 101)
    check([a[x > 20] for a in parts], x[x > 20], 101)
    check([a.reshape(4, 6) for a in parts], x.reshape(4, 6), 101)
    check([a.reshape(-1) for a in parts], x.ravel(), 101)
    check(list(map(concatenate, zip(parts, parts, strict=True))), np.tile(x.ravel(), 2), 101)
    assert (parts[0].size, len(parts[0]), parts[0].shape) == (24, 2, (2, 3, 4))
    assert parts[0][0, 0, 0].size == 1
    assert [p.shape for p in parts[0]] == [(3, 4)] * 2
    with pytest.raises(IndexError):
        parts[0][2]


@pytest.mark.parametrize(
    "index",
    [
        (0, slice(None), [3, 0]),
        ([1, 0, 1], slice(None), [3, 0, 2]),
        (np.array([1, 0]), slice(None), 2),
        (0, slice(None), (3, 0)),
        (0, slice(None), range(2)),
    ],
    ids=str,
)
def test_indices_whose_axes_numpy_moves_to_the_front(index):
    x = np.arange(24).reshape(2, 3, 4)
    parts = share_out(x, keys_of(101, 2), stream())
    check([a[index] for a in parts], x[index], 101)


def test_a_public_constant_is_shared_by_server_0():
    keys = keys_of(101, 3)
    parts = [k.constant([7, -1]) for k in keys]
    assert [a.value.tolist() for a in parts] == [[7, 100], [0, 0], [0, 0]]
    assert [a.mac.tolist() for a in parts] == [
        [7 * int(k.alpha) % 101, -int(k.alpha) % 101] for k in keys
    ]
    check(parts, [7, -1], 101)


def test_operations_make_new_shares():
    (a, _) = share_out([1, 2], keys_of(101, 2), stream())
    before, alias = a.data.copy(), a
    a += 5
    assert a is not alias
    assert np.array_equal(alias.data, before)


# -- what is refused, and what is told --------------------------------------------------------


def test_shares_of_different_servers_do_not_mix():
    one, other = share_out([1], keys_of(101, 2), stream())
    with pytest.raises(InputError, match="different servers or labs"):
        one + other
    with pytest.raises(InputError, match="different servers or labs"):
        one - share_out([1], deal_keys(Field(101), 2, stream(99)), stream())[0]


def test_the_same_server_may_hold_two_equal_keys():
    a, b = (share_out([n], keys_of(101, 2), stream(n)) for n in (1, 2))
    assert a[0].key is not b[0].key
    check([x + y for x, y in zip(a, b, strict=True)], [3], 101)


@pytest.mark.parametrize("join", [concatenate, stack])
def test_joining_does_not_mix_servers(join):
    one, other = share_out([1], keys_of(101, 2), stream())
    for parts in ((one, other), (one, one, other), (other, one, one)):
        with pytest.raises(InputError, match="different servers or labs"):
            join(parts)
    assert join([one, one]).data.size == 4


def test_a_result_that_nobody_awaited_is_no_operand():
    async def protocol():
        return 1

    a, _ = share_out([1], keys_of(101, 2), stream())
    for operation in (lambda x: a + x, lambda x: a - x, lambda x: x - a):
        forgotten = protocol()
        with pytest.raises(InputError, match="`await` is missing"):
            operation(forgotten)
        assert forgotten.cr_frame is None  # closed: Python has nothing to warn of


def test_two_secrets_are_not_multiplied_locally():
    a, _ = share_out([1], keys_of(101, 2), stream())
    with pytest.raises(TypeError, match=r"Beaver triple.*await multiply\(party, x, y\)"):
        a * a


@pytest.mark.parametrize("value", [1.5, [0.5], float("nan"), None, "1", 101, -101])
def test_operands_that_are_no_elements_get_a_sentence(value):
    a, _ = share_out([1], keys_of(101, 2), stream())
    for operation in (lambda: a + value, lambda: value - a, lambda: a * value, lambda: value * a):
        with pytest.raises(InputError):
            operation()


def test_a_share_has_no_truth_value():
    """`if x == 3:` on a secret would silently never be true."""
    a, _ = share_out([0], keys_of(101, 2), stream())
    with pytest.raises(TypeError, match="a share cannot decide an `if`"):
        bool(a)


@pytest.mark.parametrize("servers", [1, 0, -3, True, False, 2.5, 2.0, None, "2", np.float64(2)])
def test_too_few_servers_get_a_sentence(servers):
    with pytest.raises(InputError, match=r"servers is .*: it takes at least 2 servers"):
        check_servers(servers)
    with pytest.raises(InputError, match="at least 2 servers"):
        deal_keys(Field(101), servers, stream())


def test_too_many_servers_get_a_sentence():
    with pytest.raises(InputError, match=f"at most {MOST_SERVERS} are simulated"):
        check_servers(MOST_SERVERS + 1)
    assert check_servers(MOST_SERVERS) == MOST_SERVERS


def test_numbers_of_servers():
    assert check_servers(2) == 2
    assert type(check_servers(np.int64(5))) is int
    assert [k.index for k in deal_keys(Field(101), 5, stream())] == list(range(5))


def test_reprs_hide_values_macs_and_keys():
    keys = keys_of(MERSENNE_61, 2)
    parts = share_out([123456789], keys, stream())
    secrets = {str(int(v)) for a in parts for v in (*a.value, *a.mac, a.key.alpha)}
    for thing in (*keys, *parts, parts[0] + 1, parts):
        assert not any(secret in repr(thing) + str(thing) for secret in secrets)
    assert repr(parts[1]) == "Share(server 1 of 2, shape (1,), contents hidden)"
    assert repr(keys[0]) == "KeyShare(field=Field(2**61 - 1), index=0, servers=2)"
    assert not hasattr(Share(parts[0].data, keys[0]), "__dict__")
