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

from mpclab.secret.array import SecretArray
from mpclab.secret.encoding import SecretError, encode

__all__ = ["SecretArray", "SecretError", "encode"]
