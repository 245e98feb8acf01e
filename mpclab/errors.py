"""What can go wrong, told in sentences.

Every error that mpclab raises on purpose is one of these. The message says what was wrong, with
the value, and what would be right. No message ever contains a secret, a share or a key.
"""

from __future__ import annotations

__all__ = ["Abort", "Deadlock", "InputError", "MaterialError", "MpclabError", "Refused", "Rejected"]


class MpclabError(Exception):
    """The root of all errors that mpclab raises on purpose."""

    #: whether this is only what another party's stopping did to this one
    consequence = False


class InputError(MpclabError, ValueError):
    """A parameter, a file or a value is not acceptable; nothing has been sent."""


class MaterialError(MpclabError):
    """There is not enough preprocessed material, or it was used already."""


class Deadlock(MpclabError):
    """The servers wait for messages that nobody is going to send."""


class Abort(MpclabError):
    """A server found a deviation and stopped before any output; it names nobody."""


class Refused(MpclabError):
    """The servers do not take an upload or a query; the session of everybody else goes on.

    A refusal may also be a corrupt server's doing and never proves that the user cheated.
    """


class Rejected(MpclabError):
    """A client does not accept what the servers sent it, and keeps silent towards them."""
