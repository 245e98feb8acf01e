"""What the receiver of a message can conclude from it: a sentence for every kind of message.

Pictures of messages show these sentences. Each says what the receiver knows after the message,
together with all that it knew before, and why that is no more than it may know. They hold for the
protocols of mpclab; of a message of your own they say what your protocol must see to.

>>> print(conclusion("open", "product/x - a, y - b"))
Shares of x - a and y - b, for a multiplication. With its own and all others' shares the server ...
>>> len(conclusions("compare + commit", "upload/chi + upload/coin commit"))
2
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from mpclab.errors import InputError

__all__ = ["CONCLUSIONS", "conclusion", "conclusions"]

_MASKED = "which is uniform whatever {} is, since {} is uniform, serves once, and nobody knows it."
_ADDED = "With its own and all others' shares the server computes "

CONCLUSIONS: Mapping[str, Mapping[str, str]] = {
    # Between servers: shares of a value that everybody puts together.
    "open": {
        "": (
            "A share of a value that is being opened. " + _ADDED + "the value itself. If the "
            "protocol has masked it with a uniform element that nobody knows, the value is "
            "uniform and tells nothing; if not, every server now knows it."
        ),
        "x - a, y - b": (
            "Shares of x - a and y - b, for a multiplication. " + _ADDED + "both, which are "
            "uniform whatever x and y are, since a and b are uniform, serve once, and nobody "
            "knows them."
        ),
        "X - A, Y - B": (
            "Shares of X - A and Y - B, for a product of matrices. " + _ADDED + "both, which are "
            "uniform whatever X and Y are, since A and B are uniform, serve once, and nobody "
            "knows them."
        ),
        "x + r": (
            "Shares of a masked value, for a comparison. " + _ADDED + "x + r, "
            + _MASKED.format("x", "r")
        ),
        "2 x + r": (
            "Shares of a masked value, for an exact comparison. " + _ADDED + "2 x + r, "
            + _MASKED.format("x", "r")
        ),
        "X + r": (
            "Shares of a masked value, for a division. " + _ADDED + "X + r, "
            + _MASKED.format("X", "r")
        ),
        "D + 2^m t + r2": (
            "Shares of a masked digit comparison. " + _ADDED + "D + 2^m t + r2, "
            + _MASKED.format("the outcome", "r2")
        ),
        "D + r2": (
            "Shares of a masked digit comparison, for a division. " + _ADDED + "D + r2, "
            + _MASKED.format("D", "r2")
        ),
        "level #": (
            "Shares of masked bits, for one level of a comparison in bits. " + _ADDED
            + "the masked bits, which are uniform whatever the bits are, since each mask is "
            "uniform, serves once, and nobody knows it."
        ),
        "b - d": (
            "Shares of the masked selection. " + _ADDED + "b - d: who is a neighbour, masked. "
            "It is uniform whatever b is, since d is uniform, serves once, and nobody knows it."
        ),
        "y - r": (
            "Shares of the masked result. " + _ADDED + "y - r, "
            + _MASKED.format("y", "r")
            + " The client learns r only after the check."
        ),
        "h": (
            "Shares of a random sum of a client's masks. " + _ADDED + "the sum, which is uniform, "
            "since one more mask is in it that serves for nothing else. It shows the client "
            "whether a server altered its masks."
        ),
        "u - r": (
            "Shares of a masked entry of each user's proof. " + _ADDED + "u - r, "
            + _MASKED.format("u", "r")
        ),
        "s - u": (
            "Shares of a masked error, for the check. " + _ADDED + "s - u, "
            + _MASKED.format("the error s", "u")
        ),
        "reveal": (
            "Shares of a result that is meant for everybody. " + _ADDED + "the result, and "
            "nothing beyond it: what it depends on was checked before, and it is checked too "
            "before anybody uses it."
        ),
    },
    # Between servers: promises, and their keeping.
    "commit": {
        "": (
            "A commitment: a hash of a value with fresh randomness. The receiver learns nothing "
            "about the value, and the sender can no longer change it."
        ),
        "coin commit": (
            "A commitment to a random seed. The receiver learns nothing about the seed, and the "
            "sender can no longer change it: so nobody can choose the coin."
        ),
        "zeta commit": (
            "A commitment to a share of the check. The receiver learns nothing about it, and the "
            "sender can no longer fit it to the others' shares."
        ),
        "sigma commit": (
            "A commitment to a share of the plain check. The receiver learns nothing about it, "
            "and the sender can no longer fit it to the others' shares."
        ),
    },
    "reveal": {
        "": (
            "What the sender committed to before. The receiver now knows it, and checks that it "
            "fits the commitment."
        ),
        "coin reveal": (
            "The seed that the sender committed to. All seeds together make a public coin, which "
            "nobody could know when the values were opened. A seed is random: no secret is in it."
        ),
        "zeta reveal": (
            "A share of the check. The shares sum to 0 if nothing was altered; otherwise their "
            "sum is random. The receiver learns whether the check passed, and nothing else, not "
            "even when it failed."
        ),
        "sigma reveal": (
            "A share of the plain check. The shares sum to 0 if nothing was altered. If not, the "
            "sum betrays the key: a server that knows its own error computes alpha from it. "
            "That is why mpclab uses another check."
        ),
    },
    # Between servers: do all have the same?
    "hash": {
        "": (
            "A hash of what the sender holds. The receiver learns whether all servers hold the "
            "same, which they should, and so nothing new."
        ),
        "same input": (
            "A hash of the masked input that the sender got from the client. The receiver learns "
            "whether all servers got the same, before anything is stored."
        ),
        "same rows": (
            "A hash of the masked rows that the sender got. The receiver learns whether all "
            "servers got the same, before anything is stored."
        ),
        "same row": (
            "A hash of the masked row that the sender got. The receiver learns whether all "
            "servers got the same, before anything is stored."
        ),
        "same query": (
            "A hash of the masked query that the sender got. The receiver learns whether all "
            "servers got the same."
        ),
    },
    "compare": {
        "": (
            "Something public that all servers should hold alike. The receiver learns whether "
            "they do."
        ),
        "chi": (
            "The random number that the client sent. The receiver learns whether the client told "
            "all servers the same. No secret is in it."
        ),
        "rows in force": (
            "Which rows count, and who has uploaded: public. The receiver learns whether all "
            "servers agree on it."
        ),
    },
    # Servers and clients.
    "mask": {
        "": (
            "A server's shares of the client's masks. With all servers' shares the client knows "
            "its masks, which are random, belong to it alone, and serve one message. About "
            "anybody's data it learns nothing."
        ),
    },
    "chi": {
        "": (
            "A random number that the client has just drawn, to test its masks with. No secret "
            "is in it."
        ),
    },
    "echo": {
        "": (
            "The random sum of the client's masks, as the servers opened it. The client compares "
            "all copies with its own: it learns whether a server altered its masks, and sends "
            "its data only if none did."
        ),
    },
    "masked input": {
        "": (
            "The client's input minus its mask, x - r. It is uniform whatever x is: the server "
            "holds only a share of r. All servers together could take the mask off."
        ),
    },
    "masked rows": {
        "": (
            "The users' ratings minus their masks. They are uniform whatever the ratings are: the "
            "server holds only shares of the masks. It learns who has uploaded. All servers "
            "together could take the masks off."
        ),
    },
    "coin": {
        "": (
            "A public coin, as the servers opened it. The client compares all copies and proves "
            "what the coin asks. No secret is in it."
        ),
    },
    "polynomial": {
        "": (
            "The values of a polynomial of each user's proof, minus their masks. They are uniform "
            "whatever the user's row is: the server holds only shares of the masks."
        ),
    },
    "masked query": {
        "": (
            "The requester's ratings minus their mask, and the threshold, which is public. The "
            "masked ratings are uniform whatever they are: the server holds only a share of the "
            "mask. It learns who asks, and when."
        ),
    },
    "output": {
        "": (
            "The masked result, and a server's shares of its mask. With all servers' shares the "
            "client takes the mask off and sees whether a server altered it. It learns the "
            "result and nothing else; the servers learn nothing."
        ),
    },
    # From the dealer.
    "material": {
        "": (
            "Random shares, seeds and keys, made before any input was known. The server learns "
            "nothing about anybody's data. The dealer knows all of them: together with any one "
            "server it could read everything."
        ),
    },
}
"""Kind of message -> last part of its step -> what the receiver can conclude.

The entry "" of a kind is for all other steps; "#" in a step stands for a number."""

_PREFIX = r"(?:^|(?<= \+ ))(?:(?:(?! \+ )[^/])+/)*"


@lru_cache(maxsize=4096)
def conclusions(kind: str, step: str) -> tuple[str, ...]:
    """What the receiver can conclude, a sentence or a few for each thing that is in the message.

    Parameters
    ----------
    kind, step : str
        As the transcript has them: kinds that travelled together are joined by " + ", and so are
        steps.

    Raises
    ------
    InputError
        If the kind is empty.

    Examples
    --------
    >>> conclusions("hash", "upload/same input")[0].split(". ")[0]
    'A hash of the masked input that the sender got from the client'
    >>> conclusions("gossip", "mine/hear this")
    ("A message of the kind 'gossip', which is none of mpclab's: what its receiver can conclude, ...
    """
    if not kind.strip():
        raise InputError("the kind of the message is empty: a message has one, such as 'open'")
    found: list[str] = []
    rest = step
    general: list[str] = []
    for one in kind.split(" + "):
        table = CONCLUSIONS.get(one)
        if table is None:
            general.append(
                f"A message of the kind {one!r}, which is none of mpclab's: what its receiver can "
                "conclude, its protocol must say."
            )
            continue
        here = []
        for key, sentence in table.items():
            if not key:
                continue
            pattern = _PREFIX + re.escape(key).replace(r"\#", r"\d+") + r"(?= \+ |$)"
            shorter = re.sub(pattern, "", rest)
            if shorter != rest:
                here.append((rest.find(key.split("#")[0]), sentence))
                rest = shorter
        found += [sentence for _, sentence in sorted(here)]
        if not here:
            general.append(table[""])
    if not general and "open" in kind.split(" + ") and rest.replace("+", "").strip():
        general.append(CONCLUSIONS["open"][""])  # opened beside what has an entry
    return (*found, *general)


def conclusion(kind: str, step: str) -> str:
    """`conclusions` as one text.

    Parameters
    ----------
    kind, step : str
        As the transcript has them.

    Raises
    ------
    InputError
        If the kind is empty.

    Examples
    --------
    >>> conclusion("chi", "upload/masks")
    'A random number that the client has just drawn, to test its masks with. No secret is in it.'
    """
    return " ".join(conclusions(kind, step))
