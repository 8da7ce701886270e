"""Which handwritten digits should a person label next? The main job, as a client of the service.

It starts a service of its own in a temporary directory, talks to it over HTTP, and stops it again:

    .venv/bin/python examples/demo.py           ends by itself
    .venv/bin/python examples/demo.py --stay    keeps the service up at the end, until Ctrl-C
"""

import argparse
import io
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import skops.io
from connection import PATIENT, Failed, Service
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from temporary_service import CannotStart, heed_signals, running_service

Array = npt.NDArray[Any]

LABELLED = 300
TREES = 500
TOP = 10
INKS = " .:-=+*#%@"

LEARNING = """
This was one turn. The learning loop, query, label, teach and again, is in README.md, and here:

  .venv/bin/python examples/five_steps.py"""
STAYING = """
The service stays up until Ctrl-C. Where to look next:
"""
ENDING = """
This service ends with the demo. To look around yourself:

  .venv/bin/python examples/demo.py --stay    the demo again, its service kept up until Ctrl-C
  make serve                                  a service for your own pools and models

Where to look next, once it stays up (it says its own port; --stay also its own ids):
"""


@dataclass(frozen=True)
class Digits:
    """Pictures of 8 by 8 pixels, what a person says they show, and a name for each."""

    pixels: Array
    truth: Array
    ids: list[str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit status."""
    parser = argparse.ArgumentParser(description="Which digits should a person label next?")
    parser.add_argument("--stay", action="store_true", help="keep the service up until Ctrl-C")
    options = parser.parse_args(arguments)
    heed_signals()
    try:
        say("Starting a service of its own: the embedded server, the API and two workers")
        with running_service() as url:
            say(f"  it answers at {url}")
            demonstrate(Service(url), stay=options.stay)
            if options.stay:
                signal.pause()
    except (CannotStart, Failed) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    return 0


def demonstrate(service: Service, *, stay: bool) -> None:
    """Do the main job: pool and model in, the items to label next out."""
    digits = load_handwritten_digits()
    model = fit_forest(digits)
    pool = upload_pool(service, digits)
    set_labels(service, pool, digits)
    job = score(service, pool, upload_model(service, model))
    entropy, margin, batch = (each["id"] for each in job["result"]["rankings"])
    best = service.get(f"/v1/rankings/{entropy}/items?n={TOP}").document
    second = service.get(f"/v1/rankings/{margin}/items?n={TOP}").document
    show_ranking(best, digits)
    both = {row["id"] for row in best["items"]} & {row["id"] for row in second["items"]}
    print(f"Margin, from the same pass, asks otherwise: {len(both)} of these in its top {TOP}.")
    show_batch(service.get(f"/v1/rankings/{batch}/items").document, digits)
    check(service, entropy, digits, model)
    show_picture(digits, best["items"][0]["id"])
    print(LEARNING)
    print(STAYING if stay else ENDING)
    show_addresses(service, job["id"], entropy)


def load_handwritten_digits() -> Digits:
    """Return the digits that come with scikit-learn."""
    pixels, truth = load_digits(return_X_y=True)
    return Digits(pixels, truth, [f"digit-{row:04}" for row in range(len(truth))])


def fit_forest(digits: Digits) -> RandomForestClassifier:
    """Fit a model on the first digits, those that somebody has labelled already."""
    say(f"Fitting a random forest of {TREES} trees on the first {LABELLED} labelled digits")
    truth = digits.truth[:LABELLED]
    if len(set(truth)) < len(set(digits.truth)):
        raise Failed("the labelled digits do not show every class; label more of them")
    forest = RandomForestClassifier(n_estimators=TREES, random_state=0)
    return forest.fit(digits.pixels[:LABELLED], truth)


def upload_pool(service: Service, digits: Digits) -> str:
    """Make a pool of all digits, and return its id."""
    say(f"Uploading all {len(digits.ids)} digits as a pool (.npz: ids and features)")
    pool = service.post("/v1/pools", {"name": "handwritten digits"}).document["id"]
    archive = io.BytesIO()
    np.savez(archive, features=digits.pixels, ids=np.array(digits.ids))
    service.upload(f"/v1/pools/{pool}/items", archive.getvalue(), "application/x-npz")
    return str(pool)


def upload_model(service: Service, model: RandomForestClassifier) -> str:
    """Upload the model, and return its id: the SHA-256 of its bytes."""
    body = skops.io.dumps(model)
    say(f"Uploading the model (skops, {len(body) / 1e6:.0f} MB)")
    job = service.upload("/v1/models?format=skops", body, "application/octet-stream")
    return str(job["result"]["model"]["id"])


def set_labels(service: Service, pool: str, digits: Digits) -> None:
    """Tell which digits are labelled: from now on they are left out of what is read."""
    named = zip(digits.ids[:LABELLED], digits.truth[:LABELLED].tolist(), strict=True)
    labels = [{"id": id, "label": label} for id, label in named]
    answer = service.put(f"/v1/pools/{pool}/labels", {"labels": labels})
    print(f"  {answer.document['labelled']} of them are labelled")


def score(service: Service, pool: str, model: str) -> Any:
    """Score the pool by two functions and select a batch at once, and return the finished job."""
    say("Scoring every digit by entropy and by margin, and selecting a batch, in one pass")
    functions = [{"name": "entropy"}, {"name": "margin"}, {"name": "dmbal"}]
    asked = {"pool": pool, "model": model, "acquisitions": functions, "batch": {"n": TOP}}
    began = time.monotonic()
    return service.finish(service.post("/v1/scorings", asked, **PATIENT), began)


def check(service: Service, ranking: str, digits: Digits, model: RandomForestClassifier) -> None:
    """Hold the whole order against one computed here."""
    ranked = service.get(f"/v1/rankings/{ranking}/items?n={len(digits.ids)}").document["items"]
    probs = model.predict_proba(digits.pixels)
    logs = np.log(probs, where=probs > 0, out=np.zeros_like(probs))
    entropy = -(probs * logs).sum(axis=1)
    order = np.argsort(-entropy, kind="stable")
    if [row["id"] for row in ranked] != [digits.ids[row] for row in order if row >= LABELLED]:
        raise Failed("the order is not that of scikit-learn's own predict_proba")
    print(f"All {len(ranked)} are in the same order as by scikit-learn's own predict_proba.")


def say(words: str) -> None:
    """Say what comes next."""
    print(words, flush=True)


def show_ranking(reading: Any, digits: Digits) -> None:
    """Print the top of a ranking beside what a person would see."""
    print(f"\nLabel these {TOP} next:\n")
    print("  rank  id           score   shows a")
    for row in reading["items"]:
        shown = digits.truth[digits.ids.index(row["id"])]
        print(f"  {row['rank']:>4}  {row['id']}  {row['score']:.4f}  {shown:>7}")
    print("\n  {total} in the pool, {eligible} eligible, {excluded} excluded\n".format(**reading))


def show_batch(reading: Any, digits: Digits) -> None:
    """Print what a batch holds beside what a person would see."""
    shown = sorted(int(digits.truth[digits.ids.index(row["id"])]) for row in reading["items"])
    print(f"A batch of {TOP} by dmbal, unsure and unlike one another, shows: {shown}")


def show_picture(digits: Digits, id: str) -> None:
    """Draw a digit."""
    row = digits.ids.index(id)
    print(f"\n{id}, the most uncertain of all, labelled {digits.truth[row]} by a person:\n")
    for line in digits.pixels[row].reshape(8, 8):
        print("    " + "".join(2 * INKS[int(ink * (len(INKS) - 1) / 16)] for ink in line).rstrip())


def show_addresses(service: Service, job: str, ranking: str) -> None:
    """Print what there is to look at."""
    print(f"  the API      {service.url}/docs")
    print(f"  the job      {service.url}/v1/jobs/{job}")
    print(f"  the ranking  {service.url}/v1/rankings/{ranking}/items?n={TOP}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
