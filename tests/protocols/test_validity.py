"""Statements, the sumcheck, and how often what is not valid passes: exact formulas at small p."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mpclab import Lab
from mpclab.errors import InputError
from mpclab.field import Field
from mpclab.preprocessing.material import Powers
from mpclab.protocols.validity import Statement, evaluate_polynomial, residual
from mpclab.randomness import Stream
from mpclab.sharing import reconstruct
from tests.cheating import rate_is

P = 2**61 - 1


def seeds(statement, number):
    stream = Stream(number.to_bytes(32, "little"))
    return [stream.bytes(32) for _ in range(statement.rounds + 1)]


def small(field):
    """x_0, x_1 of 0 .. 3, y = 2 x_0 + 5 x_1 + 7 in {7, 9, 12}, x_0^2 + x_1^2 + 3 x_1 = 4."""
    made = Statement(field, 2)
    x = made.entries([0, 1])
    made.among(x, [0, 1, 2, 3])
    y = made.entries([0], 2, constant=7)
    made.add(y, [1], 5)
    made.among(y, [7, 9, 12])
    made.equation(4, squares=(x, 1), linear=(x[1:], 3))
    return made


def by_hand(a, b, p):
    return (
        a in range(4) and b in range(4) and (2 * a + 5 * b + 7) % p in (7, 9, 12)
        and (a * a + b * b + 3 * b) % p == 4
    )


@pytest.mark.parametrize("p", [101, 2**31 - 1, P])
def test_what_a_statement_says(p):
    F = Field(p)
    grid = [(a, b) for a in range(6) for b in range(6)] + [(p - 1, 1), (2, p - 3)]
    inputs = F.array(np.array(grid, object).T)
    wanted = [by_hand(a, b, p) for a, b in grid]
    assert any(wanted)
    assert small(F).holds(inputs).tolist() == wanted
    if p == P:
        assert (residual(small(F), seeds(small(F), 1), inputs) == 0).tolist() == wanted


@st.composite
def statements(draw):
    """A random statement with an input that fulfils it."""
    F = Field(draw(st.sampled_from([P, 2**31 - 1])))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    inputs = draw(st.integers(1, 7))
    x = rng.integers(0, 9, inputs)
    made = Statement(F, inputs)
    value = []
    for _ in range(draw(st.integers(1, 4))):
        chosen = rng.integers(0, inputs, draw(st.integers(1, 5)))
        c, k = int(rng.integers(1, 9)), int(rng.integers(0, 5))
        new = made.entries(chosen, c, constant=k)
        value += [c * int(x[i]) + k for i in chosen]
        other = int(rng.integers(0, inputs))
        made.add(new[:1], [other], 3)
        value[new[0]] += 3 * int(x[other])
        made.among(new, sorted({value[e] for e in new} | {int(rng.integers(0, 20))}))
    every = np.arange(made.size)
    made.equation(
        sum(2 * v + v * v for v in value), linear=(every, 2), squares=(every, 1)
    )
    return made, F.array(x)[:, None], draw(st.integers(0, 2**32))


@settings(max_examples=60)
@given(statements())
def test_valid_inputs_always_pass(found):
    made, x, number = found
    assert made.holds(x).all()
    assert not residual(made, seeds(made, number), x).any()


@settings(max_examples=60)
@given(statements(), st.integers(1, 10**6), st.integers(0, 10**6))
def test_what_is_off_does_not_pass(found, by, at):
    made, x, number = found
    wrong = x.copy()
    F, i = made.field, at % len(x)
    wrong[i] = F.add(wrong[i], F.array(by % F.modulus))
    if F.modulus == P and not made.holds(wrong).all():
        assert residual(made, seeds(made, number), wrong).all()


@settings(max_examples=40)
@given(statements())
def test_a_form_in_entries_is_one_in_inputs(found):
    made, _, number = found
    F, stream = made.field, Stream(number.to_bytes(32, "little"))
    x, c = F.uniform(stream, (made.inputs, 3)), F.uniform(stream, made.size)
    back, constant = made.pulled_back(c)
    direct = F.combine(c, made.table(x))
    assert F.add(F.combine(back, x), constant).tolist() == direct.tolist()


@pytest.mark.parametrize("entries", [1, 2, 3, 6])
@pytest.mark.parametrize("p", [13, 31, 101])
def test_how_often_it_passes_at_small_p(p, entries):
    """One entry is off by 1, and the polynomials are those of the table: the exact formula.

    The coin's equation hides the error with probability 1/p; then the claim is off by delta, and
    stays off by delta L_1(rho_1) .. L_1(rho_R), where L_1 has D + 1 roots, 0 and 2 .. D + 1.
    """
    F = Field(p)
    made = Statement(F, entries)
    made.among(made.entries(np.arange(entries)), [0, 1])
    x = F.zeros((entries, 1))
    x[0] = 2
    trials = 4000
    passed = sum(int(residual(made, seeds(made, k), x)[0] == 0) for k in range(trials))
    exact = 1 - (1 - 1 / p) * (1 - (made.degree + 1) / p) ** made.rounds
    assert rate_is(passed, trials, exact)
    assert exact <= made.error


def test_sizes():
    made = small(Field())
    assert (made.degree, made.size, made.rounds, made.proof) == (4, 3, 2, 10)
    assert made.error == 16 / P
    two = Statement(Field(), 2)  # of which one has no square
    two.equation(5, linear=(two.entries([0]), 1))
    assert two.degree == 1
    two.equation(5, squares=(two.entries([1]), 1))
    assert two.degree == 2
    one = Statement(Field(), 1)
    one.among(one.entries([0]), [0, 5])
    assert (one.rounds, one.proof) == (0, 0)
    assert repr(one) == "Statement(1 inputs, 1 entries, degree 2, 0 rounds)"
    assert not residual(one, seeds(one, 3), Field().array([[0, 5]])).any()
    assert residual(one, seeds(one, 3), Field().array([[1, 4]])).all()


def test_errors_are_sentences():
    F = Field(13)
    with pytest.raises(InputError, match="speaks of numbers 0 to 1, and not of 2"):
        Statement(F, 2).entries([0, 2])
    made = Statement(F, 1)
    x = made.entries([0])
    with pytest.raises(InputError, match="a set of 12 values takes a larger prime than 13"):
        made.among(x, range(12))


# -- a polynomial at a secret point ------------------------------------------------------------


@pytest.mark.parametrize("servers", [2, 3, 5])
@pytest.mark.parametrize("p", [101, P])
@pytest.mark.parametrize("degree", [1, 2, 11])
def test_polynomials_at_secrets(servers, p, degree):
    lab = Lab(servers, modulus=p, seed=4)
    F = lab.field
    c = F.uniform(Stream(bytes(32)), degree + 1)
    x = F.uniform(Stream(bytes(31) + b"x"), 9)
    lab.preprocess([Powers(9, degree)])
    lab.preprocess([], checks=1)

    async def run(party, share):
        return await evaluate_polynomial(party, share, c)

    found = reconstruct(lab.each(run, lab.god.share(x)))
    wanted = [sum(int(a) * pow(int(v), k, p) for k, a in enumerate(c)) % p for v in x]
    assert found.tolist() == wanted
    session = lab.transcript.records[-1].session
    assert lab.transcript.rounds(session, "online") == 1
    assert lab.transcript.elements_sent("server 0", session, "online") == 9 * (servers - 1)
