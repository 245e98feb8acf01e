"""python examples/vote.py: a secret vote whose ballots are checked, and counted, unseen."""

import numpy as np

from mpclab import Lab

with Lab(servers=3) as lab:
    ballots = lab.secret([[1, 0, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]])
    valid = np.sum((ballots == 0) | (ballots == 1)) == ballots.size
    single = np.sum(np.sum(ballots, axis=1) == 1) == len(ballots)
    print("All ballots are valid:", bool((valid & single).reveal()))
    print("Votes:", np.sum(ballots, axis=0).reveal())
