"""One strategy measured once, in the process that this program is.

`python -m benchmarks.measurement ours k_center DIRECTORY 100` prints, as JSON, the seconds of
processor time, the megabytes beyond what the process had that already holds the pool, and the rows
picked.
"""

import json
import os
import sys
import time
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import numpy as np

from benchmarks import contenders
from benchmarks.mixture import Mixture

WARM_UP, FEW = 300, 5
STATUS, REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"


def main(who: str, name: str, directory: str, n: str) -> None:
    """Measure one strategy."""
    pool = Mixture.read(Path(directory))
    pool.vectors.max()  # every page of the file is in memory from here on
    make: contenders.Make = getattr(contenders, who)
    make(name, a_few_of(pool), FEW)()  # so that nothing is imported while it is measured
    pick = make(name, pool, int(n))
    REFERENCES.write_text(RESET_PEAK)
    before = kilobytes("VmRSS")
    began = time.process_time()
    rows = pick()
    seconds = time.process_time() - began
    megabytes = max(0, kilobytes("VmHWM") - before) / 1024
    print(json.dumps({"seconds": seconds, "megabytes": megabytes, "rows": rows.tolist()}))


def a_few_of(pool: Mixture) -> Mixture:
    """Return the labelled items and some others."""
    rows = np.concatenate([pool.labelled, pool.unlabelled[:WARM_UP]])
    labelled = np.arange(len(pool.labelled))
    return Mixture(pool.vectors[rows], labelled, pool.classes, pool.probs[rows])


def kilobytes(field: str) -> int:
    """Return a number of this process's status."""
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    main(*sys.argv[1:])
