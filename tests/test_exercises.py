"""The checks of the exercises take any right answer, and explain a wrong one."""

import numpy as np
import pytest

from mpclab.adversary import add
from mpclab.exercises import NotYet
from mpclab.exercises.cheating import check_cancelling, check_key, check_rushing


def shift(*by):
    def edit(message):
        F, share = message.coalition.field, message.elements().copy()
        share[: len(by)] = F.add(share[: len(by)], F.array(by))
        return message.with_part(0, share)

    return edit


@pytest.mark.parametrize("by", [(1, -1), (5, 6, -11), (-(2**40), 0, 2**40)])
def test_any_errors_that_cancel(by):
    assert check_cancelling(shift(*by))


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (add(3), "3 more than they should"),
        (shift(1, -3), "2 less than they should"),
        (lambda message: message, "what is sent is what was due"),
        (lambda message: None, "returns nothing: a `return` is missing"),
        (lambda message: message.elements() + 1, "returns ndarray"),
        (lambda message: message.nothing, "stops with AttributeError"),
        (None, "what is checked is a function"),
    ],
)
def test_errors_that_do_not_cancel(edit, told):
    with pytest.raises(NotYet, match=told):
        check_cancelling(edit)


@pytest.mark.parametrize(
    "key",
    [
        lambda total, chi, error, p: -total * pow(chi * error, -1, p) % p,
        lambda total, chi, error, p: (p - total) * pow(chi, p - 2, p) * pow(error, p - 2, p),
    ],
)
def test_any_way_to_the_key(key):
    assert check_key(key)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (lambda t, c, e, p: t * pow(c * e, -1, p), "minus the key"),
        (lambda t, c, e, p: -t * pow(c, -1, p), "the key times the error still"),
        (lambda t, c, e, p: -t * pow(e, -1, p), "the key times chi still"),
        (lambda t, c, e, p: -t, "the key times chi and the error still"),
        (lambda t, c, e, p: t / 0, "it stops for p = 101, total = .* with ZeroDivisionError"),
        (lambda t, c, e, p: None, "it returns nothing for p = 101"),
        (lambda t, c, e, p: t / c, "return one integer"),
    ],
)
def test_what_is_not_the_key(key, told):
    with pytest.raises(NotYet, match=told):
        check_key(key)


def fit(nonce):
    def edit(message):
        p = message.coalition.field.modulus
        others = sum(int.from_bytes(parts[0][:8], "little") for parts in message.others().values())
        return message.with_part(0, (-others % p).to_bytes(8, "little") + nonce)

    return edit


@pytest.mark.parametrize("nonce", [bytes(32), bytes(range(32))])
def test_any_nonce_goes_with_a_zeta_that_fits(nonce):
    assert check_rushing(fit(nonce))


def test_zeta_that_does_not_fit():
    with pytest.raises(NotYet, match="2 servers: the zeta that were revealed sum to"):
        check_rushing(lambda message: message)
    with pytest.raises(NotYet, match="2 servers: the servers stopped"):
        check_rushing(fit(bytes(8)))


@pytest.mark.parametrize("part", [2**61, -1, "a", [300], None, b"seven b", np.zeros(5)])
def test_what_is_revealed_are_bytes(part):
    """An integer does not become so many zeros."""
    with pytest.raises(NotYet, match=r"what is revealed is .*, and not bytes, eight for zeta"):
        check_rushing(lambda message: message.with_part(0, part))


@pytest.mark.parametrize("check", [check_rushing, check_cancelling])
def test_what_is_not_written_yet_is_told(check):
    def unfinished(message):
        raise NotImplementedError

    for wrong, told in (
        (None, "what is checked is a function"),
        (unfinished, "it stops with NotImplementedError"),
        (lambda message: False, "the edit returns bool"),
        (lambda message: message.with_section(parts=()), "replace part 0 alone"),
    ):
        with pytest.raises(NotYet, match=told):
            check(wrong)


def test_a_key_of_another_type():
    async def waiting(*arguments):
        return 1

    for wrong, told in ((lambda *a: True, "it returns True: return one integer"),
                        (waiting, "it returns a coroutine, for it is an `async def`")):  # fmt: skip
        with pytest.raises(NotYet, match=told):
            check_key(wrong)


def by_receiver(message):
    """Errors that cancel towards server 0 only: the history stops it, not the MAC check."""
    F, share = message.coalition.field, message.elements().copy()
    first = message.envelope.receiver == "server 0"
    share[:2] = F.add(share[:2], F.array([1, -1 if first else 0]))
    return message.with_part(0, share)


def listed(message):
    p, share = message.coalition.field.modulus, message.elements().tolist()
    share[0], share[1] = (share[0] + 1) % p, (share[1] - 1) % p
    return message.with_part(0, share)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (by_receiver, "told different things"),
        (lambda m: m.with_part(0, m.elements()[:-1]), "it must stay"),
        (lambda m: m.with_part(0, m.elements().astype(np.int64)), "an array of int64"),
        (lambda m: m.with_part(0, m.elements() + np.uint64(2**61 - 1)), "field elements are below"),
        (listed, "what is sent is list"),
    ],
)
def test_other_wrong_answers_are_explained(edit, sentence):
    with pytest.raises(NotYet, match=sentence):
        check_cancelling(edit)
