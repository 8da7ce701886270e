"""Ask apricot for facility location; write apricot.json.

Recorded with apricot-select 0.6.1 and numpy 2.4.6 on Python 3.11, in the environment that
README.md tells.
"""

import numpy as np
from apricot import FacilityLocationSelection
from recording import points, write

WIDTH = 0.05


def main():
    vectors = points()
    squares = ((vectors[:, None] - vectors[None]) ** 2).sum(axis=2)
    cosines = vectors @ vectors.T / np.outer(*[np.linalg.norm(vectors, axis=1)] * 2)
    answers = {}
    for name, similarities in {
        "facility_location": np.exp(-WIDTH * squares),
        "facility_location_cosine": np.maximum(cosines, 0),
    }.items():
        chosen = FacilityLocationSelection(8, metric="precomputed", optimizer="naive")
        chosen.fit(similarities)
        answers[name] = {"picks": chosen.ranking, "gains": chosen.gains}
    write("apricot", ("apricot-select",), {"points": vectors, "width": WIDTH}, answers)


if __name__ == "__main__":
    main()
