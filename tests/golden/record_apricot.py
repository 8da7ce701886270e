"""Ask apricot for facility location; write apricot.json.

Recorded with apricot-select 0.6.1 and numpy 2.4.6 on Python 3.11, in the environment that
README.md tells.
"""

import numpy as np
from apricot import FacilityLocationSelection
from recording import points, write


def main():
    vectors = points()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    chosen = FacilityLocationSelection(8, metric="precomputed", optimizer="naive")
    chosen.fit((1 + unit @ unit.T) / 2)
    answers = {"facility_location": {"picks": chosen.ranking, "gains": chosen.gains}}
    write("apricot", ("apricot-select",), {"points": vectors}, answers)


if __name__ == "__main__":
    main()
