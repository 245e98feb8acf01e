"""The handle itself: its operators, each a local step or a protocol of the lab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from mpclab.errors import InputError
from mpclab.party import Party
from mpclab.protocols import arithmetic
from mpclab.protocols.checks import reveal
from mpclab.protocols.divide import floor_divide
from mpclab.secret.encoding import SecretError, encode
from mpclab.sharing import Share

if TYPE_CHECKING:
    from mpclab.lab import Lab, LabClient

__all__ = ["SecretArray"]


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

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(
            "cannot pickle a secret: it is a handle on shares at servers, and its lab holds all of "
            "them; .reveal() what may be kept"
        )

    def __copy__(self) -> SecretArray:
        return self.lab.local(lambda s: s, self, fraction=self.fraction)

    def __format__(self, spec: str) -> str:
        if spec.strip("<>^=0123456789"):
            self._tell(f"formatting with {spec!r}")
        return format(repr(self), spec)

    def __round__(self, digits: int = 0) -> NoReturn:
        raise SecretError("a secret cannot be rounded by round(): (2 * x + 1) // 2 is to integers")

    def __divmod__(self, divisor: Any) -> tuple[SecretArray, SecretArray]:
        return self // divisor, self % divisor

    def _as_divisor(self, other: Any) -> NoReturn:
        raise SecretError(
            "division by a secret, or a secret exponent, is not among the lab's protocols: divide "
            "by a public number, or reveal both to a client that divides"
        )

    __rtruediv__ = __rfloordiv__ = __rmod__ = __rdivmod__ = __rpow__ = _as_divisor

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

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise SecretError(
            "a secret array does not change: make another, such as np.where(places == 3, y, x), "
            "where `places` is public or secret"
        )

    def astype(self, dtype: Any) -> SecretArray:
        """The same secret, if it is of that type already: whole numbers, shared bits included.

        >>> from mpclab import Lab
        >>> x = Lab(servers=2, seed=1).secret([3, -4])
        >>> (x < 0).astype(int).sum().reveal()
        np.int64(1)
        """
        kind = np.dtype(dtype).kind
        if kind in "iu" and not self.fraction:
            return self.__copy__()
        told = {"b": "x != 0 is a shared bit", "f": "1.0 * x is a fixed-point number"}
        if kind in "iu":
            told[kind] = "x // 1 is the whole number below"
        raise SecretError(
            f"a secret is not cast to {np.dtype(dtype)}: {told.get(kind, 'secrets are numbers')}"
        )

    def __iter__(self) -> Iterator[SecretArray]:
        return (self[i] for i in range(len(self)))

    def reshape(self, *shape: Any) -> SecretArray:
        """The same elements in another shape; -1 once for what is left."""
        wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
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
        at = None if axis is None else checked_axis(axis, self.ndim)

        def add_up(s: Share) -> Share:
            data = s.data.reshape(2, -1) if at is None else s.data
            return Share(s.key.field.sum(data, axis=1 if at is None else at + 1), s.key)

        return self.lab.local(add_up, self, fraction=self.fraction)

    def _scaled(self, fraction: int) -> SecretArray:
        """The same numbers with more bits behind the point."""
        if fraction == self.fraction:
            return self
        shift = fraction - self.fraction
        if self.lab.settings.bits + shift > self.lab.field.bits - 1:
            raise InputError(
                f"integers of {self.lab.settings.bits} bits with {shift} more behind the point do "
                f"not fit into {self.lab.field}: give the lab fewer `bits` or a smaller `fraction`"
            )
        factor = 2**shift
        return self.lab.local(lambda s: s * factor, self, fraction=fraction)

    def _operand(self, other: Any, fraction: int | None = None) -> Any:
        """Another secret, or public numbers as integers with their fraction."""
        if isinstance(other, SecretArray):
            if other.lab is not self.lab:
                raise InputError(
                    "these two secrets belong to different labs: their servers share nothing"
                )
            common_shape(self.shape, other.shape)
            return other, other.fraction
        numbers, places = encode(other, self.lab.settings, fraction)
        common_shape(self.shape, numbers.shape)
        return numbers, places

    def _linear(self, other: Any, operation: Callable[[Share, Any], Share]) -> SecretArray:
        operand, places = self._operand(other)
        fraction = max(self.fraction, places)
        if isinstance(operand, SecretArray):
            operand = operand._scaled(fraction)
        else:
            largest = int(np.abs(operand).max(initial=0)) << (fraction - places)
            if 2 * largest >= self.lab.field.modulus:
                raise InputError(
                    f"a public number with {fraction} bits behind the point does not fit into "
                    f"{self.lab.field}: take a smaller one, or a lab with a smaller `fraction`"
                )
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
        return functions.matmul(self, other)

    def __rmatmul__(self, other: Any) -> SecretArray:
        return functions.matmul(other, self)

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
        shift, divisor = f + places - self.fraction, abs(d)
        while shift > 0 and divisor % 2 == 0:  # in lowest terms: fewer bits
            shift, divisor = shift - 1, divisor // 2
        doubled = self.lab.local(lambda s: s * 2 ** (shift + 1) + divisor, numerator)
        bits = self.lab.settings.bits + shift + 2
        return self._run(floor_divide, doubled, 2 * divisor, bits, fraction=f)

    def __floordiv__(self, divisor: Any) -> SecretArray:
        """Divide by a public number, rounded down to an integer."""
        numerator, places, d = self._fraction_of(divisor, self.lab.settings.fraction)
        bits = self.lab.settings.bits + places + 1
        shift = 2**self.fraction
        scaled = self.lab.local(lambda s: s * 2**places, numerator)
        return self._run(floor_divide, scaled, abs(d) * shift, bits)

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
            why = "" if divisor == 0 else ", which is 0 in this lab's numbers"
            raise InputError(f"the divisor is {divisor}{why}: divide by something else")
        raw = self.lab.local(lambda s: s if d > 0 else -s, self)
        return raw, places, d

    def _difference(self, other: Any) -> tuple[SecretArray, int]:
        """self - other, and how many bits it may have beyond the settings'."""
        difference = self - other
        bits = self.lab.settings.bits
        if isinstance(other, SecretArray):
            return difference, 1 + abs(self.fraction - other.fraction)
        numbers, places = encode(other, self.lab.settings)
        half = 2 ** (bits - 1 + difference.fraction - self.fraction)
        scale = 2 ** (difference.fraction - places)
        lowest = half + scale * int(numbers.max(initial=0))  # both signs must fit
        highest = half - 1 - scale * int(numbers.min(initial=0))
        return difference, max(lowest, highest).bit_length() + 1 - bits

    def __lt__(self, other: Any) -> SecretArray:
        difference, extra = self._difference(other)
        return self._run(_below_zero, difference, extra)

    def __gt__(self, other: Any) -> SecretArray:
        difference, extra = self._difference(other)
        return self._run(_below_zero, -difference, extra)

    def __ge__(self, other: Any) -> SecretArray:
        return 1 - (self < other)

    def __le__(self, other: Any) -> SecretArray:
        return 1 - (self > other)

    def __eq__(self, other: object) -> SecretArray:  # type: ignore[override]
        difference, extra = self._difference(other)
        return self._run(_is_zero, difference, extra)

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
        return functions.where(self < 0, -self, self)

    def _last(self, axis: int | None) -> SecretArray:
        """The axis to work along at the end; all elements in one row for None."""
        if axis is None:
            return self.reshape(-1)
        at = checked_axis(axis, self.ndim)
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

    def sort(self, axis: int | None = -1) -> SecretArray:
        """A sorted copy along an axis (in contrast to NumPy's method, not in place)."""
        if axis is None:
            return self.reshape(-1).sort()
        at = checked_axis(axis, self.ndim)
        out = self._run(arithmetic.sort, self._last(axis), fraction=self.fraction)
        return self.lab.local(
            lambda s: Share(np.ascontiguousarray(np.moveaxis(s.data, -1, at + 1)), s.key),
            out,
            fraction=self.fraction,
        )

    def mean(self, axis: int | None = None) -> SecretArray:
        """The mean, as a fixed-point number."""
        count = self.size if axis is None else self.shape[checked_axis(axis, self.ndim)]
        if not count:
            raise InputError("the mean of no elements is not defined")
        return self.sum(axis) / count

    def var(self, axis: int | None = None) -> SecretArray:
        """The mean squared distance from the mean, as a fixed-point number."""
        mean = self.mean(axis)
        if axis is not None:
            at = checked_axis(axis, self.ndim)
            mean = mean.reshape(*self.shape[:at], 1, *self.shape[at + 1 :])
        distance = self - mean
        return (distance * distance).mean(axis)

    # -- NumPy's functions ------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        operation = functions.UFUNCS.get(ufunc.__name__)
        if operation is not None and method == "__call__" and kwargs:
            raise SecretError(
                f"np.{ufunc.__name__} takes no {', '.join(kwargs)} for secrets: leave that away"
            )
        if operation is None or method != "__call__":
            self._not_there(f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}"))
        return operation(*inputs)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        operation = functions.FUNCTIONS.get(function.__name__)
        if operation is None:
            self._not_there(f"np.{function.__name__}")
        try:
            return operation(*args, **kwargs)
        except TypeError as error:
            if isinstance(error, SecretError) or "argument" not in str(error):
                raise
            raise SecretError(
                f"np.{function.__name__} takes fewer options for secrets: {error}"
            ) from None

    def _not_there(self, name: str) -> NoReturn:
        known = ", ".join(sorted({*functions.UFUNCS, *functions.FUNCTIONS}))
        raise SecretError(
            f"{name} is not among the functions for secrets. There are: {known}; and "
            "lab.run(f, x) runs a protocol of your own"
        )


async def _below_zero(party: Party, x: Share, extra_bits: int) -> Share:
    return await arithmetic.negative(party, x, extra_bits)


async def _is_zero(party: Party, x: Share, extra_bits: int) -> Share:
    return await arithmetic.is_zero(party, x, extra_bits)


def checked_axis(axis: int, ndim: int) -> int:
    """An axis from 0, or a sentence."""
    if not isinstance(axis, (int, np.integer)):
        raise InputError(f"axis is {axis!r}: take one axis at a time, a public integer")
    if not -ndim <= axis < ndim:
        raise InputError(f"axis is {axis}: a secret of {ndim} dimensions has axes 0 to {ndim - 1}")
    return axis % ndim


def common_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """What two shapes broadcast to, or a sentence."""
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        raise InputError(
            f"shapes {a} and {b} do not broadcast: equal lengths or 1 in every place, from the end"
        ) from None


from mpclab.secret import functions  # noqa: E402  (they build on the class above)
