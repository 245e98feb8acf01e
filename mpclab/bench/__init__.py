"""What is measured, and how: times as medians of several runs, compared within the same run.

`online` measures the phase that a requester waits for, next to the same scoring on plaintext in
NumPy; `prepare` and `preprocess` what comes before it; `scale` how all of it grows; `processes`
the virtual clock beside real processes. Every private result is compared with the plaintext: a
wrong one is an error. Two workloads: *anchors*, sums and the number of neighbours only, as other
systems were given it; *recommender*, the recommender as it is, with counts and validated uploads.

>>> from mpclab import bench
>>> result = bench.online(users=200, items=40, runs=3, seed=1)
>>> result["rounds"], result["workload"], result["matches_plaintext"]
(8, 'anchors', True)
"""

from mpclab.bench.facts import machine
from mpclab.bench.growth import exponent, growth
from mpclab.bench.measure import WrongResult, online, prepare, preprocess, processes, scale
from mpclab.bench.results import read_results, write_results
from mpclab.bench.spread import Summary, summary
from mpclab.bench.workloads import WORKLOADS, Inputs, Workload, workload

__all__ = [
    "WORKLOADS",
    "Inputs",
    "Summary",
    "Workload",
    "WrongResult",
    "exponent",
    "growth",
    "machine",
    "online",
    "prepare",
    "preprocess",
    "processes",
    "read_results",
    "scale",
    "summary",
    "workload",
    "write_results",
]
