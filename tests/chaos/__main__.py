"""`python -m tests.chaos --kills 300 --seed 1`: a long campaign; status 1 where not all is well."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos.campaign import campaign


def main():
    """Run one campaign, and print its table."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--actors", type=int, default=3)
    parser.add_argument("--pause", type=float, default=0.8, help="mean seconds between two kills")
    parser.add_argument("--keep", type=Path, help="an empty directory to work in, which stays")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-") as root:
        outcome = campaign(
            asked.keep or Path(root),
            kills=asked.kills,
            seed=asked.seed,
            actors=asked.actors,
            pause=asked.pause,
            told=lambda words: sys.stderr.write(words + "\n"),
        )
    sys.stdout.write(outcome.table() + "\n")
    for words in outcome.ledger.wrong:
        sys.stdout.write(f"WRONG: {words[:2000]}\n")
    return 1 if outcome.ledger.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
