"""What other systems needed for the workload *anchors*: figures from elsewhere, named as such.

They were measured once, on a two-core machine (AMD EPYC, 24 GB) in November 2026, each with its
result checked: online time only, inputs shared already, preprocessing excluded (MP-SPDZ: from
files with insecure triples). They are not of the same run as anything of mpclab, and their
security differs; the published figure is that of the abstract of IEEE TIFS 10(3), 2015, for
10,000 users and two servers on the machine of its day. Nothing more of that article's settings is
assumed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PEERS", "Peer", "peers"]


class Peer(NamedTuple):
    """A system: its security, and seconds online for 10,000 users and 1,000 items."""

    system: str
    parties: int
    security: str
    seconds: float
    slowest: float
    sent: str
    rounds: str


PEERS = (
    Peer("published, IEEE TIFS 2015", 2, "malicious", 0.34, 0.34, "", ""),
    Peer("MP-SPDZ, MASCOT, 2^61-1", 2, "malicious", 2.6, 3.0, "166 MB", "469 .. 2,647"),
    Peer("MP-SPDZ, MASCOT, 128 bit", 2, "malicious", 4.8, 4.8, "331 MB", "2,647"),
    Peer("MP-SPDZ, matrix triples, 2^61-1", 2, "malicious", 5.2, 5.2, "86 MB", "221"),
    Peer("MP-SPDZ, SPDZ2k", 2, "malicious", 2.8, 2.8, "332 MB", "2,669"),
    Peer("MPyC", 3, "passive, honest majority", 4.5, 4.5, "8.8 MB", ""),
    Peer("CrypTen, with a dealer", 2, "semi-honest", 0.74, 0.78, "82 MB", "12 .. 42"),
    Peer("SPU semi2k, with a dealer", 2, "semi-honest", 0.74, 0.74, "81 MB", "12"),
    Peer("SPU ABY3, in memory", 3, "semi-honest, honest majority", 0.23, 0.23, "0.7 MB", "15"),
    Peer("SPU Cheetah, 32 bit", 2, "semi-honest, no dealer", 5.9, 5.9, "", ""),
)
"""The systems, each with the fastest and the slowest of its runs."""


def peers() -> pd.DataFrame:
    """`PEERS` as a DataFrame, by system.

    >>> peers().loc["MPyC", "seconds"]
    np.float64(4.5)
    """
    import pandas as pd

    return pd.DataFrame(PEERS).set_index("system")
