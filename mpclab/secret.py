"""SecretArray: a handle on a secret whose shares live in the servers; it feels like NumPy.

>>> import numpy as np
>>> from mpclab.lab import Lab
>>> lab = Lab(servers=3, seed=1)
>>> x = lab.secret([3, -1, 4, 1])
>>> x
SecretArray(shape (4,), integers, at 3 servers)
>>> np.sum(x * x).reveal(), (x > 0).reveal(), np.sort(x).reveal(), x.mean().reveal()
(np.int64(27), array([1, 0, 1, 1]), array([-1,  1,  3,  4]), np.float64(1.75))

Every operator runs the same protocols as everything else. Sums, indexing and products with public
integers are local; products, comparisons and divisions take rounds, which `lab.transcript` shows.

Numbers are integers, or fixed-point numbers: integers times 2^-fraction. Rounding is exact and
always the same: floats are encoded to the nearest multiple, ties to even; products of two
fixed-point numbers and divisions are rounded to the nearest multiple, ties up. Values must stay
within the lab's `bits`; results beyond are wrong without notice, for nobody can look.

What would make a secret decide what the program does (`if x > 3`, `int(x)`, `while`) raises
`SecretError`: everybody can see which way a program goes, so that the way would tell the secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from mpclab.errors import InputError, MpclabError
from mpclab.party import Party, Settings
from mpclab.protocols import arithmetic
from mpclab.protocols.checks import reveal
from mpclab.protocols.divide import floor_divide
from mpclab.sharing import Share

if TYPE_CHECKING:
    from mpclab.lab import Lab, LabClient

__all__ = ["SecretArray", "SecretError", "encode"]


class SecretError(MpclabError, TypeError):
    """This cannot be done with a secret without telling it."""


def encode(
    values: npt.ArrayLike, settings: Settings, fraction: int | None = None
) -> tuple[npt.NDArray[np.int64], int]:
    """Integers for the field, and how many of their bits stand behind the point.

    >>> encode([1.5, -0.25], Settings(fraction=2))
    (array([ 6, -1]), 2)
    >>> encode([[1, 2]], Settings())
    (array([[1, 2]]), 0)
    """
    try:
        raw = np.asarray(values)
    except ValueError as error:
        raise InputError(f"this cannot become an array of secrets: {error}") from None
    limit = 2 ** (settings.bits - 1)
    if raw.dtype.kind == "f":
        places = settings.fraction if fraction is None else fraction
        if not np.isfinite(raw).all():
            raise InputError(
                f"a value is {raw[~np.isfinite(raw)].flat[0]}: secrets are finite numbers"
            )
        scaled = np.rint(raw * 2.0**places)
    elif raw.dtype.kind in "iub":
        places, scaled = fraction or 0, raw
        if places:
            scaled = raw.astype(np.float64) * 2.0**places
    elif raw.size == 0:
        return np.zeros(raw.shape, np.int64), fraction or 0
    else:
        raise InputError(
            f"values of dtype {raw.dtype} cannot be secrets: take integers or floats"
        )
    if scaled.size and not (scaled.min() >= -limit and scaled.max() < limit):
        worst = raw.flat[int(np.argmax(np.abs(scaled.astype(np.float64))))]
        raise InputError(
            f"the value {worst} does not fit into {settings.bits} bits"
            + (f" with {places} behind the point" if places else "")
            + f": it must lie in {-limit / 2**places:g} .. {(limit - 1) / 2**places:.10g}; "
            "give the lab more `bits`"
        )
    return scaled.astype(np.int64), places


class SecretArray:
    """A handle on a secret array: shape and kind are public, the contents only shares at servers.

    Make one with `lab.secret(values)` or `lab.client(name).upload(values)`.

    Attributes
    ----------
    lab : Lab
    shape : tuple of int
    fraction : int
        Bits behind the point; 0 for integers.
    """

    __slots__ = ("__weakref__", "fraction", "lab", "number", "shape")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, lab: Lab, number: int, shape: tuple[int, ...], fraction: int = 0) -> None:
        self.lab = lab
        self.number = number
        self.shape = shape
        self.fraction = fraction

    def __repr__(self) -> str:
        kind = f"fixed-point, 2^-{self.fraction}" if self.fraction else "integers"
        return f"SecretArray(shape {self.shape}, {kind}, at {self.lab.n} servers)"

    @property
    def signature(self) -> tuple[Any, ...]:
        """All that is public about it: what a prediction may depend on."""
        return ("secret", self.shape, self.fraction)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a secret of shape () has no length")
        return self.shape[0]

    # -- out ------------------------------------------------------------------------------------

    def reveal(self) -> Any:
        """Open to everybody, checked: an array of int64 or float64 (a scalar for shape ())."""
        return self.decoded(self.lab.run(reveal, self))[()]

    def reveal_to(self, client: LabClient) -> Any:
        """Open to one client alone, who checks what the servers send."""
        if getattr(client, "lab", None) is not self.lab:
            raise InputError("reveal_to takes a client of this secret's lab: lab.client(name)")
        return client.receive(self)[()]

    def decoded(self, elements: npt.NDArray[np.uint64]) -> npt.NDArray[Any]:
        """Read opened field elements as the numbers that they stand for."""
        signed = self.lab.field.signed(elements)
        return signed / 2.0**self.fraction if self.fraction else signed

    # -- what would tell the secret ---------------------------------------------------------------

    def __bool__(self) -> NoReturn:
        raise SecretError(
            "a secret cannot decide an `if` or a `while`: everybody sees which way the program "
            "goes, and so would learn it. Compute both ways and choose with np.where(condition, "
            "x, y), or .reveal() what may be known"
        )

    def _tell(self, what: str) -> NoReturn:
        raise SecretError(
            f"{what} would tell the secret to whoever runs this program: .reveal() it if it may "
            "be known, or .reveal_to(client)"
        )

    def __int__(self) -> NoReturn:
        self._tell("int(x)")

    def __float__(self) -> NoReturn:
        self._tell("float(x)")

    def __index__(self) -> NoReturn:
        raise SecretError(
            "a secret cannot be an index or a range: which element is touched would tell it. "
            "Touch all of them, and choose with a comparison: np.sum(np.where(places == x, a, 0))"
        )

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._tell("turning a secret into a plain array")

    def __contains__(self, item: Any) -> NoReturn:
        raise SecretError(
            "`in` would tell whether a secret holds the value: compute np.sum(x == value) > 0"
        )

    # -- local ------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> SecretArray:
        if isinstance(index, SecretArray) or (
            isinstance(index, tuple) and any(isinstance(i, SecretArray) for i in index)
        ):
            SecretArray.__index__(self)
        np.empty(self.shape, np.bool_)[index]  # NumPy's own sentence for a bad index
        return self.lab.local(lambda s: s[index], self, fraction=self.fraction)

    def __iter__(self) -> Iterator[SecretArray]:
        return (self[i] for i in range(len(self)))

    def reshape(self, *shape: Any) -> SecretArray:
        """The same elements in another shape; -1 once for what is left."""
        wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        new = np.empty(self.shape, np.bool_).reshape(wanted).shape
        return self.lab.local(lambda s: s.reshape(*new), self, fraction=self.fraction)

    @property
    def T(self) -> SecretArray:
        """Axes reversed."""
        return self.lab.local(
            lambda s: Share(
                np.ascontiguousarray(s.data.transpose(0, *range(s.data.ndim - 1, 0, -1))), s.key
            ),
            self,
            fraction=self.fraction,
        )

    def sum(self, axis: int | None = None) -> SecretArray:
        """The sum over an axis, or over all elements."""
        at = None if axis is None else _axis(axis, self.ndim)

        def add_up(s: Share) -> Share:
            data = s.data.reshape(2, -1) if at is None else s.data
            return Share(s.key.field.sum(data, axis=1 if at is None else at + 1), s.key)

        return self.lab.local(add_up, self, fraction=self.fraction)

    def _scaled(self, fraction: int) -> SecretArray:
        """The same numbers with more bits behind the point."""
        if fraction == self.fraction:
            return self
        factor = 2 ** (fraction - self.fraction)
        return self.lab.local(lambda s: s * factor, self, fraction=fraction)

    def _operand(self, other: Any, fraction: int | None = None) -> Any:
        """Another secret, or public numbers as integers with their fraction."""
        if isinstance(other, SecretArray):
            if other.lab is not self.lab:
                raise InputError(
                    "these two secrets belong to different labs: their servers share nothing"
                )
            _shape(self.shape, other.shape)
            return other, other.fraction
        numbers, places = encode(other, self.lab.settings, fraction)
        _shape(self.shape, numbers.shape)
        return numbers, places

    def _linear(self, other: Any, operation: Callable[[Share, Any], Share]) -> SecretArray:
        operand, places = self._operand(other)
        fraction = max(self.fraction, places)
        if isinstance(operand, SecretArray):
            operand = operand._scaled(fraction)
        else:
            operand = operand * 2 ** (fraction - places)
        return self.lab.local(operation, self._scaled(fraction), operand, fraction=fraction)

    def __add__(self, other: Any) -> SecretArray:
        return self._linear(other, lambda s, o: s + o)

    __radd__ = __add__

    def __sub__(self, other: Any) -> SecretArray:
        return self._linear(other, lambda s, o: s - o)

    def __rsub__(self, other: Any) -> SecretArray:
        return (-self) + other

    def __neg__(self) -> SecretArray:
        return self.lab.local(lambda s: -s, self, fraction=self.fraction)

    def __pos__(self) -> SecretArray:
        return self

    # -- protocols --------------------------------------------------------------------------------

    def _run(self, protocol: Any, *args: Any, fraction: int = 0) -> SecretArray:
        result: SecretArray = self.lab.run(protocol, *args)
        result.fraction = fraction
        return result

    def _rounded(self, fraction: int) -> SecretArray:
        """The same numbers with fewer bits behind the point: to the nearest, ties up."""
        drop = self.fraction - fraction
        if drop <= 0:
            return self
        half = self.lab.local(lambda s: s + 2 ** (drop - 1), self)
        bits = self.lab.settings.bits + drop + 1
        return self._run(floor_divide, half, 2**drop, bits, fraction=fraction)

    def __mul__(self, other: Any) -> SecretArray:
        operand, places = self._operand(other)
        fraction = self.fraction + places
        if isinstance(operand, SecretArray):
            out = self._run(arithmetic.product, self, operand, fraction=fraction)
        else:
            out = self.lab.local(lambda s: s * operand, self, fraction=fraction)
        return out._rounded(max(self.fraction, places)) if self.fraction and places else out

    __rmul__ = __mul__

    def __matmul__(self, other: Any) -> SecretArray:
        return _matmul(self, other)

    def __rmatmul__(self, other: Any) -> SecretArray:
        return _matmul(other, self)

    def dot(self, other: Any) -> SecretArray:
        """The matrix product, as `@`."""
        return self @ other

    def __pow__(self, exponent: Any) -> SecretArray:
        if not isinstance(exponent, (int, np.integer)) or exponent < 1:
            raise SecretError(f"the exponent is {exponent!r}: take a public integer, 1 or more")
        half = self if exponent == 1 else self ** (int(exponent) // 2)
        if exponent == 1:
            return self
        return half * half * self if exponent % 2 else half * half

    def __truediv__(self, divisor: Any) -> SecretArray:
        """Divide by a public number: a fixed-point result, to the nearest, ties up.

        A float divisor counts as the nearest multiple of 2^-fraction.
        """
        f = self.lab.settings.fraction
        numerator, places, d = self._fraction_of(divisor, f)
        doubled = numerator * (2 ** (f + places + 1 - self.fraction)) + abs(d)
        bits = self.lab.settings.bits + f + places + 2 - self.fraction
        return self._run(floor_divide, doubled, 2 * abs(d), bits, fraction=f)

    def __floordiv__(self, divisor: Any) -> SecretArray:
        """Divide by a public number, rounded down to an integer."""
        numerator, places, d = self._fraction_of(divisor, self.lab.settings.fraction)
        bits = self.lab.settings.bits + places + 1
        shift = 2**self.fraction
        return self._run(floor_divide, numerator * 2**places, abs(d) * shift, bits)

    def __mod__(self, divisor: Any) -> SecretArray:
        """The rest of `//`, with the divisor's sign."""
        return self - (self // divisor) * divisor

    def _fraction_of(self, divisor: Any, fraction: int) -> tuple[SecretArray, int, int]:
        """This, as raw integers, with the divisor's sign; the divisor as an integer 2^-places."""
        if isinstance(divisor, SecretArray):
            raise SecretError(
                "division by a secret is not among the lab's protocols: divide by a public "
                "number, or reveal both to a client that divides"
            )
        if np.ndim(divisor):
            raise InputError("the divisor is an array: divide by one public number at a time")
        numbers, places = encode(divisor, self.lab.settings, None)
        d = int(numbers)
        if d == 0:
            raise InputError(f"the divisor is {divisor}: as a number of this lab that is 0")
        raw = self.lab.local(lambda s: s if d > 0 else -s, self)
        return raw, places, d

    def __lt__(self, other: Any) -> SecretArray:
        return self._run(_below_zero, self - other)

    def __gt__(self, other: Any) -> SecretArray:
        return self._run(_below_zero, -(self - other))

    def __ge__(self, other: Any) -> SecretArray:
        return 1 - (self < other)

    def __le__(self, other: Any) -> SecretArray:
        return 1 - (self > other)

    def __eq__(self, other: object) -> SecretArray:  # type: ignore[override]
        return self._run(_is_zero, self - other)

    def __ne__(self, other: object) -> SecretArray:  # type: ignore[override]
        return 1 - (self == other)

    def __and__(self, other: Any) -> SecretArray:
        """Of bits: a b."""
        return self * other

    __rand__ = __and__

    def __or__(self, other: Any) -> SecretArray:
        """Of bits: a + b - a b."""
        return self + other - self * other

    __ror__ = __or__

    def __xor__(self, other: Any) -> SecretArray:
        """Of bits: a + b - 2 a b."""
        return self + other - 2 * (self * other)

    __rxor__ = __xor__

    def __invert__(self) -> SecretArray:
        """Of bits: 1 - a."""
        return 1 - self

    def __abs__(self) -> SecretArray:
        return where(self < 0, -self, self)

    def _last(self, axis: int | None) -> SecretArray:
        """The axis to work along at the end; all elements in one row for None."""
        if axis is None:
            return self.reshape(-1)
        at = _axis(axis, self.ndim)
        return self.lab.local(
            lambda s: Share(np.ascontiguousarray(np.moveaxis(s.data, at + 1, -1)), s.key),
            self,
            fraction=self.fraction,
        )

    def max(self, axis: int | None = None) -> SecretArray:
        """The largest element along an axis, or of all."""
        return self._run(arithmetic.maximum, self._last(axis), fraction=self.fraction)

    def min(self, axis: int | None = None) -> SecretArray:
        """The smallest element along an axis, or of all."""
        return -((-self).max(axis))

    def argmax(self, axis: int | None = None) -> SecretArray:
        """Where the largest element is, as a secret; the first of equal ones."""
        return self._run(arithmetic.argmax, self._last(axis))

    def argmin(self, axis: int | None = None) -> SecretArray:
        """Where the smallest element is, as a secret; the first of equal ones."""
        return (-self).argmax(axis)

    def sort(self, axis: int = -1) -> SecretArray:
        """A sorted copy along an axis (in contrast to NumPy's method, not in place)."""
        at = _axis(axis, self.ndim)
        out = self._run(arithmetic.sort, self._last(axis), fraction=self.fraction)
        return self.lab.local(
            lambda s: Share(np.ascontiguousarray(np.moveaxis(s.data, -1, at + 1)), s.key),
            out,
            fraction=self.fraction,
        )

    def mean(self, axis: int | None = None) -> SecretArray:
        """The mean, as a fixed-point number."""
        count = self.size if axis is None else self.shape[_axis(axis, self.ndim)]
        if not count:
            raise InputError("the mean of no elements is not defined")
        return self.sum(axis) / count

    def var(self, axis: int | None = None) -> SecretArray:
        """The mean squared distance from the mean, as a fixed-point number."""
        mean = self.mean(axis)
        if axis is not None:
            at = _axis(axis, self.ndim)
            mean = mean.reshape(*self.shape[:at], 1, *self.shape[at + 1 :])
        distance = self - mean
        return (distance * distance).mean(axis)

    # -- NumPy's functions ------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        operation = _UFUNCS.get(ufunc.__name__)
        if operation is None or method != "__call__" or kwargs:
            self._not_there(f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}"))
        return operation(*inputs)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        operation = _FUNCTIONS.get(function.__name__)
        if operation is None:
            self._not_there(f"np.{function.__name__}")
        return operation(*args, **kwargs)

    def _not_there(self, name: str) -> NoReturn:
        known = ", ".join(sorted({*_UFUNCS, *_FUNCTIONS}))
        raise SecretError(
            f"{name} is not among the functions for secrets. There are: {known}; and "
            "lab.run(f, x) runs a protocol of your own"
        )


async def _below_zero(party: Party, x: Share) -> Share:
    return await arithmetic.negative(party, x, extra_bits=1)


async def _is_zero(party: Party, x: Share) -> Share:
    return await arithmetic.equal(party, x, 0)


def _axis(axis: int, ndim: int) -> int:
    if not -ndim <= axis < ndim:
        raise InputError(f"axis is {axis}: a secret of {ndim} dimensions has axes 0 to {ndim - 1}")
    return axis % ndim


def _shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        raise InputError(
            f"shapes {a} and {b} do not broadcast: equal lengths or 1 in every place, from the end"
        ) from None


def where(condition: Any, x: Any, y: Any) -> SecretArray:
    """x where the secret bits of `condition` are 1, else y: both are computed, bits choose."""
    if not isinstance(condition, SecretArray):
        anchor = x if isinstance(x, SecretArray) else y
        return (anchor - anchor) + x * np.asarray(condition) + y * ~np.asarray(condition, bool)
    anchor = next((v for v in (x, y) if isinstance(v, SecretArray)), condition)
    difference = (anchor - anchor) + x - y
    return condition * difference + y


def _matmul(x: Any, y: Any) -> SecretArray:
    secret = x if isinstance(x, SecretArray) else y
    lab = secret.lab
    if not isinstance(x, SecretArray) or not isinstance(y, SecretArray):
        return _public_matmul(x, y)
    if x.lab is not y.lab:
        raise InputError("these two secrets belong to different labs: their servers share nothing")
    a = x.reshape(1, -1) if x.ndim == 1 else x
    b = y.reshape(-1, 1) if y.ndim == 1 else y
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise InputError(f"shapes {x.shape} and {y.shape} have no matrix product")
    shape = x.shape[:-1] + y.shape[1:]
    out: SecretArray = lab.run(arithmetic.matmul, a, b)
    out.fraction = x.fraction + y.fraction
    out = out.reshape(*shape)
    return out._rounded(max(x.fraction, y.fraction)) if x.fraction and y.fraction else out


def _public_matmul(x: Any, y: Any) -> SecretArray:
    """A product of a secret and a public matrix: local, but for the rounding of floats."""
    secret_left = isinstance(x, SecretArray)
    secret = x if secret_left else y
    numbers, places = encode(y if secret_left else x, secret.lab.settings)
    probe = [np.empty(x.shape, np.bool_), np.empty(np.shape(y), np.bool_)]
    try:
        shape = (probe[0] @ probe[1]).shape
    except ValueError:
        raise InputError(
            f"shapes {np.shape(x)} and {np.shape(y)} have no matrix product"
        ) from None

    def multiply(s: Share) -> Share:
        F = s.key.field
        public = F.array(numbers)
        parts = []
        for part in s.data:
            a, b = (part, public) if secret_left else (public, part)
            a = a.reshape(1, -1) if a.ndim == 1 else a
            b = b.reshape(-1, 1) if b.ndim == 1 else b
            parts.append(F.matmul_transposed(a, np.ascontiguousarray(b.T)).reshape(shape))
        return Share(np.stack(parts), s.key)

    fraction = secret.fraction + places
    out = secret.lab.local(multiply, secret, fraction=fraction)
    both = secret.fraction and places
    return out._rounded(max(secret.fraction, places)) if both else out


def _maximum(x: Any, y: Any) -> SecretArray:
    return where(x > y, x, y)


def _minimum(x: Any, y: Any) -> SecretArray:
    return where(x > y, y, x)


def _concatenate(arrays: Any, axis: int = 0) -> SecretArray:
    first = next(a for a in arrays if isinstance(a, SecretArray))
    fraction = max(
        a.fraction if isinstance(a, SecretArray) else encode(a, first.lab.settings)[1]
        for a in arrays
    )
    zero = first.reshape(-1)[:1]._scaled(fraction) * 0
    secrets = [
        (a if isinstance(a, SecretArray) else (zero + np.asarray(a)))._scaled(fraction)
        for a in arrays
    ]
    at = _axis(axis, first.ndim)
    return first.lab.local(
        lambda *s: Share(np.concatenate([x.data for x in s], axis=at + 1), s[0].key),
        *secrets,
        fraction=fraction,
    )


_Operation = Callable[..., Any]
_UFUNCS: dict[str, _Operation] = {
    "add": lambda x, y: y.__radd__(x) if isinstance(y, SecretArray) else x + y,
    "subtract": lambda x, y: x - y if isinstance(x, SecretArray) else y.__rsub__(x),
    "multiply": lambda x, y: x * y if isinstance(x, SecretArray) else y * x,
    "matmul": _matmul,
    "negative": lambda x: -x,
    "positive": lambda x: x,
    "absolute": abs,
    "square": lambda x: x * x,
    "power": lambda x, y: x**y,
    "divide": lambda x, y: x / y if isinstance(x, SecretArray) else y._fraction_of(y, 0),
    "floor_divide": lambda x, y: x // y if isinstance(x, SecretArray) else y._fraction_of(y, 0),
    "remainder": lambda x, y: x % y if isinstance(x, SecretArray) else y._fraction_of(y, 0),
    "less": lambda x, y: x < y if isinstance(x, SecretArray) else y > x,
    "less_equal": lambda x, y: x <= y if isinstance(x, SecretArray) else y >= x,
    "greater": lambda x, y: x > y if isinstance(x, SecretArray) else y < x,
    "greater_equal": lambda x, y: x >= y if isinstance(x, SecretArray) else y <= x,
    "equal": lambda x, y: x == y if isinstance(x, SecretArray) else y == x,
    "not_equal": lambda x, y: x != y if isinstance(x, SecretArray) else y != x,
    "maximum": lambda x, y: _maximum(x, y) if isinstance(x, SecretArray) else _maximum(y, x),
    "minimum": lambda x, y: _minimum(x, y) if isinstance(x, SecretArray) else _minimum(y, x),
    "logical_and": lambda x, y: x & y if isinstance(x, SecretArray) else y & x,
    "logical_or": lambda x, y: x | y if isinstance(x, SecretArray) else y | x,
    "logical_not": lambda x: ~x,
}
_FUNCTIONS: dict[str, _Operation] = {
    "sum": lambda x, axis=None: x.sum(axis),
    "dot": _matmul,
    "where": where,
    "mean": lambda x, axis=None: x.mean(axis),
    "var": lambda x, axis=None: x.var(axis),
    "max": lambda x, axis=None: x.max(axis),
    "amax": lambda x, axis=None: x.max(axis),
    "min": lambda x, axis=None: x.min(axis),
    "amin": lambda x, axis=None: x.min(axis),
    "argmax": lambda x, axis=None: x.argmax(axis),
    "argmin": lambda x, axis=None: x.argmin(axis),
    "sort": lambda x, axis=-1: x.sort(axis),
    "reshape": lambda x, shape: x.reshape(shape),
    "transpose": lambda x: x.T,
    "concatenate": _concatenate,
    "shape": lambda x: x.shape,
    "ndim": lambda x: x.ndim,
    "size": lambda x: x.size,
}
