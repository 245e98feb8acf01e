"""What comes out of a run over real processes: the result, and every party's notes."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field as dataclass_field
from typing import TYPE_CHECKING, Any

from mpclab.network.endpoint import is_server
from mpclab.network.loopback.drive import Leg, merged
from mpclab.network.transcript import Transcript

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ProcessRun"]


@dataclass(frozen=True, repr=False)
class ProcessRun:
    """What a protocol gave over real processes, and how long it really took.

    Attributes
    ----------
    result : object
        What all servers agree on in the first run, as `Lab.run` gives it.
    legs : tuple of mapping of str to Leg
        Every run's notes: party name -> what it sent and when, how long it computed.
    printed : tuple of str
        What every server's protocol printed.
    """

    result: Any
    legs: tuple[Mapping[str, Leg], ...] = dataclass_field(default=(), repr=False)
    printed: tuple[str, ...] = dataclass_field(default=(), repr=False)

    def __repr__(self) -> str:
        runs = "" if len(self.legs) == 1 else f", median of {len(self.legs)} runs"
        return (
            f"ProcessRun({len(self.computing)} processes, {1000 * self.seconds:.2f} ms{runs}, "
            f"of them {1000 * max(self.computing):.2f} ms computing; {self.rounds} rounds, "
            f"{max(self.bytes):,} bytes per server)"
        )

    @property
    def seconds(self) -> float:
        """Measured wall time of a run: from the barrier to the last server's end (median)."""
        return statistics.median(map(_seconds, self.legs))

    @property
    def computing(self) -> tuple[float, ...]:
        """Every server's own computing in seconds (median over the runs)."""
        return tuple(
            statistics.median(legs[name].computing for legs in self.legs)
            for name in filter(is_server, self.legs[0])
        )

    @property
    def transcript(self) -> Transcript:
        """The first run's messages and computing, with their real times."""
        return merged(list(self.legs[0].values()))

    @property
    def rounds(self) -> int:
        """Rounds between servers."""
        return self.transcript.rounds()

    @property
    def bytes(self) -> tuple[int, ...]:
        """Bytes that every server sent to other servers, as the simulation counts them."""
        transcript = self.transcript
        return tuple(transcript.bytes_sent(n) for n in self.legs[0] if is_server(n))

    def to_frame(self) -> pd.DataFrame:
        """One row per run and party; times in seconds, sizes in bytes."""
        import pandas as pd

        return pd.DataFrame(
            {
                "run": number,
                "party": leg.party,
                "seconds": leg.seconds,
                "computing": leg.computing,
                "waiting": leg.seconds - leg.computing,
                "messages": len(leg.sent),
                "bytes": sum(r.bytes for r in leg.sent),
                "elements": sum(r.elements for r in leg.sent),
            }
            for number, legs in enumerate(self.legs)
            for leg in legs.values()
        )


def _seconds(legs: Mapping[str, Leg]) -> float:
    return max(leg.seconds for leg in legs.values())
