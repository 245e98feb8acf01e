"""What must exist once only: copies of one-time material would serve twice."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["NotCopied"]


class NotCopied:
    """A base for what holds keys, shares or one-time material: it is not pickled or copied.

    >>> import copy
    >>> copy.deepcopy(NotCopied())
    Traceback (most recent call last):
        ...
    TypeError: cannot pickle or copy a NotCopied: it holds keys, shares or material that serves once
    """

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(
            f"cannot pickle or copy a {type(self).__name__}: it holds keys, shares or material "
            "that serves once"
        )
