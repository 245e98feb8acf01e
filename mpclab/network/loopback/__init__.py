"""The same protocols over real processes on one computer: measured, where a simulation computes.

One operating-system process per server, connected by sockets on 127.0.0.1; the coroutines are the
ones that the simulated network runs, unchanged. Its purpose is to check the virtual clock against
a real one. (Neither encryption nor certificates: a laboratory's plain transport.)

>>> from mpclab import Lab
>>> lab = Lab(servers=2, seed=1)
>>> run_in_processes(lab, lambda party: None)
Traceback (most recent call last):
    ...
mpclab.errors.InputError: the protocol <lambda> is defined inside of something else; put it ...

In a program: `run_in_processes(lab, protocol, x, y)`, which gives a `ProcessRun`; `calibrate()`
measures this computer's own network conditions, and `measure_recommendation` sets the simulated
online time of a recommendation beside the measured one.
"""

from __future__ import annotations

from mpclab.network.loopback.calibrate import calibrate
from mpclab.network.loopback.measure import measure_recommendation, query_in_processes
from mpclab.network.loopback.processes import ProcessError, Processes
from mpclab.network.loopback.result import ProcessRun
from mpclab.network.loopback.run import run_in_processes

__all__ = [
    "ProcessError",
    "ProcessRun",
    "Processes",
    "calibrate",
    "measure_recommendation",
    "query_in_processes",
    "run_in_processes",
]
