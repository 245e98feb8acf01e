"""Chapter 02: a lie with a MAC that fits, the random combination of a check, a field that is safe.

>>> check_forge(lambda x_i, m_i, alpha, e, p: ((x_i + e) % p, m_i))
Traceback (most recent call last):
    ...
mpclab.exercises.NotYet: the value changes by e, but the MAC shares no longer fit: with alpha = ...
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Sequence

import numpy as np

from mpclab.exercises import NotYet, attempt
from mpclab.exercises.answers import number, numbers, require_reduced, shares_of
from mpclab.field import MERSENNE_61, is_prime
from mpclab.style import plural

__all__ = ["check_combine", "check_field", "check_forge"]


def check_forge(forge: Callable[[int, int, int, int, int], tuple[int, int]]) -> str:
    """Check a lie of a server that knows the key: `forge(x_i, m_i, alpha, e, p)`.

    It returns the share and the MAC share that the server claims, so that e is added to the
    secret and the MAC fits.

    Raises
    ------
    NotYet
        If the value or the MAC is not as it should be, with the reason.

    Examples
    --------
    >>> check_forge(lambda x_i, m_i, alpha, e, p: ((x_i + e) % p, (m_i + alpha * e) % p))
    'The secret changes by e and the MAC fits, in every field: whoever has the key forges at will.'
    """
    for p in (MERSENNE_61, 65537, 101, 11):  # in a small field a hint could fit by chance
        for _ in range(20):
            n = 2 + secrets.randbelow(3)
            alpha, e, x = (1 + secrets.randbelow(p - 1) for _ in range(3))
            values, macs = shares_of(x, n, p), shares_of(alpha * x, n, p)
            case = f"for p = {p}, alpha = {alpha} and e = {e}"
            claimed = attempt(forge, values[0], macs[0], alpha, e, p, case=case)
            told = numbers(claimed, "a share and a MAC share")
            if len(told) != 2:
                raise NotYet(f"it returns {plural(len(told), 'number')}: a share and a MAC share")
            opened = (told[0] + sum(values[1:])) % p
            mac = (told[1] + sum(macs[1:])) % p
            if opened != (x + e) % p:
                raise NotYet(
                    f"the secret {x} shall become {(x + e) % p} with e = {e} and p = {p}, and it "
                    f"becomes {opened}: the server's own share takes the whole error"
                )
            if mac == alpha * opened % p:
                require_reduced(told, p, case)
                continue
            lacking = (alpha * opened - mac) % p
            if mac == (alpha * x + alpha) % p:
                hint = "it fits for an error of 1 only: multiply by e"
            elif mac == (alpha * x + e) % p:
                hint = "the MAC of e is alpha e, not e"
            else:
                hint = f"with alpha = {alpha} and e = {e}, {lacking} is lacking modulo {p}"
            raise NotYet(f"the value changes by e, but the MAC shares no longer fit: {hint}")
    return "The secret changes by e and the MAC fits, in every field: whoever has the key forges " \
           "at will."  # fmt: skip


Combine = Callable[[Sequence[int], Sequence[int], int, Sequence[int], int], int]


def check_combine(combine: Combine) -> str:
    """Check step M2 at one server: `combine(opened, macs, alpha_i, chi, p)` returns s_i.

    `opened` are the opened values x_k, `macs` this server's MAC shares m_{k,i} of them, `alpha_i`
    its part of the key, `chi` the coefficients. Over all servers the s_i must sum to 0 if every
    opening is right, and to -alpha times the sum of chi_k e_k if they are off by e_k.

    Raises
    ------
    NotYet
        If it is not so, with the reason.

    Examples
    --------
    >>> def combine(opened, macs, alpha_i, chi, p):
    ...     terms = zip(chi, macs, opened)
    ...     return sum(c * (m - alpha_i * x) for c, m, x in terms) % p
    >>> check_combine(combine)
    'Right openings give 0, wrong ones what they should, for 2 to 4 servers in every field.'
    """
    for p in (MERSENNE_61, 65537, 101):
        for errors in (0, 1, 2):
            for _ in range(8):
                n, count = 2 + secrets.randbelow(3), 1 + errors + secrets.randbelow(4)
                alphas = [secrets.randbelow(p) for _ in range(n)]
                alpha = sum(alphas) % p
                x = [secrets.randbelow(p) for _ in range(count)]
                chi = [1 + secrets.randbelow(p - 1) for _ in range(count)]
                macs = [shares_of(alpha * v, n, p) for v in x]
                e = [1 + secrets.randbelow(p - 1) if k < errors else 0 for k in range(count)]
                opened = [(v + by) % p for v, by in zip(x, e, strict=True)]
                case = f"for {plural(count, 'opening')} and p = {p}"
                s = []
                for i in range(n):
                    mine = [m[i] for m in macs], alphas[i]
                    with np.errstate(over="ignore"):  # told below, in a sentence
                        told = attempt(combine, list(opened), *mine, list(chi), p, case=case)
                    s.append(number(told))
                total = sum(s) % p
                due = -alpha * sum(c * by for c, by in zip(chi, e, strict=True)) % p
                if total == due:
                    require_reduced(s, p, case)
                    continue
                if p == MERSENNE_61 and _right_in_small(combine):
                    raise NotYet(
                        "in F_101 it is right, and in the field of 2^61 - 1 it is not: numbers of "
                        "61 bits are multiplied, and NumPy's integers overflow at 2^64, without a "
                        "word; compute with Python's own integers, as in sum(.. for ..)"
                    )
                if total == -due % p:
                    raise NotYet(
                        "for wrong openings the sum has the other sign: MACs minus alpha_i times "
                        "the values"
                    )
                if errors == 0:
                    raise NotYet(
                        f"no opening of {count} is wrong, and the s_i of {n} servers sum to "
                        f"{total}, not to 0 modulo {p}: every server subtracts its own alpha_i "
                        "times the *opened* value, which is the same for all"
                    )
                raise NotYet(
                    f"with {plural(errors, 'opening')} of {count} wrong the s_i sum to {total}, "
                    f"not to {due} modulo {p}: every opening has its own coefficient chi_k"
                )
    return "Right openings give 0, wrong ones what they should, for 2 to 4 servers in every field."


def _right_in_small(combine: Combine) -> bool:
    """Whether M2 comes out right where no product leaves 64 bits."""
    p = 101
    for _ in range(20):
        alpha, m, x, chi = ([secrets.randbelow(p) for _ in range(3)] for _ in range(4))
        due = sum(c * (b - alpha[0] * v) for c, b, v in zip(chi, m, x, strict=True))
        if (number(attempt(combine, x, m, alpha[0], chi, p)) - due) % p:
            return False
    return True


def check_field(field_for: Callable[[int, float], int]) -> str:
    """Check a choice of field: `field_for(tries, risk)` returns a prime.

    Of so many forgeries, each with a guess, some one passes with at most this probability; and the
    prime is at most twice as large as it need be.

    Raises
    ------
    NotYet
        If it is no prime, too small or needlessly large.

    Examples
    --------
    >>> from mpclab.field import is_prime
    >>> def field_for(tries, risk):
    ...     p = int(3 * tries / risk) + 1
    ...     while not is_prime(p):
    ...         p += 1
    ...     return p
    >>> check_field(field_for)
    'Each of your fields is prime, safe enough, and not much larger than it need be.'
    """
    for tries, risk in ((1, 0.01), (7, 0.2), (100, 0.01), (10, 1e-4), (1000, 0.01)):
        case = f"for {'1 try' if tries == 1 else f'{tries} tries'} and a risk of {risk:g}"
        try:
            p = number(attempt(field_for, tries, risk, case=case))
        except NotYet as reason:
            if "must be an integer" not in str(reason) and "one integer" not in str(reason):
                raise
            raise NotYet(
                f"{reason}. 3 * tries / risk is a float; int(3 * tries / risk) + 1 is an integer, "
                "and a good place to begin"
            ) from None
        if p < 3 or not is_prime(p):
            raise NotYet(f"{case} it returns {p}: no odd prime")
        chance = -math.expm1(3 * tries * math.log1p(-1 / p))
        if chance > risk * (1 + 1e-9):
            raise NotYet(
                f"{case} the prime {p} is too small: one passes with probability {chance:.2g}; "
                "each try has three chances of 1/p, so begin near 3 * tries / risk"
            )
        # 1 - (1 - 1/p)^(3 tries) <= risk for p from about this on
        least = 1 / -math.expm1(math.log1p(-risk) / (3 * tries))
        if p > 2 * least + 10:
            raise NotYet(
                f"{case} the prime {p} is larger than it need be: about {math.ceil(least)} will do"
            )
    return "Each of your fields is prime, safe enough, and not much larger than it need be."
