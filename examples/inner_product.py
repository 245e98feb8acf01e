"""python examples/inner_product.py: a patient learns a score; nobody sees weights or genome."""

import numpy as np

from mpclab import Lab

with Lab(servers=2) as lab:
    weights = lab.client("hospital").upload([0.5, -1.25, 2.0])
    genome = lab.client("patient").upload([1, 0, 2])
    print("The patient's score:", np.dot(weights, genome).reveal_to(lab.client("patient")))
