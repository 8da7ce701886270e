"""One format's reader under atheris: `python -m tests.fuzzing.reading csv 60`."""

import sys
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

from service.errors import ServiceError
from tests.uploads import UPLOADS, read

FOUND = Path(__file__).parent / "found"
LONGEST, SLOWEST, MOST_MEGABYTES = 65_536, 20, 3_000
SAMPLES = (
    (["a", "b"], [[1.0, 2.0], [3.0, 4.5]], {}),
    (["a", "é", "x,y"], [[[1.0]], [[2.0]], [[3.0]]], {"city": ["Oslo", None, "Rome"]}),
    (["a"], None, {"n": [1.5]}),
    ([], [[]], {}),
)


def attempt(name, body):
    """Have a body read; what comes of it is a part, or an error that says what is wrong."""
    media_type, _ = UPLOADS[name](["a"], [[1.0]], {})
    with suppress(ServiceError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read(media_type, body)


def fuzz(name, seconds):
    """Have atheris change samples of a format for so long."""
    import atheris  # no dependency: it has wheels for few Pythons

    with atheris.instrument_imports(include=["workers.untrusted"]):
        import workers.untrusted.uploads  # noqa: F401
    with tempfile.TemporaryDirectory(prefix="shortlist-fuzz-") as place:
        corpus, kept = Path(place) / "corpus", FOUND / name
        corpus.mkdir()
        kept.mkdir(parents=True, exist_ok=True)
        for number, sample in enumerate(SAMPLES):
            with suppress(Exception):  # not every format has every sample
                (corpus / str(number)).write_bytes(UPLOADS[name](*sample)[1])
        options = [
            sys.argv[0], f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-timeout={SLOWEST}",
            f"-rss_limit_mb={MOST_MEGABYTES}", f"-artifact_prefix={kept}/", "-print_final_stats=1",
            str(corpus),
        ]  # fmt: skip
        atheris.Setup(options, lambda body: attempt(name, body))
        atheris.Fuzz()


if __name__ == "__main__":
    fuzz(sys.argv[1], int(sys.argv[2]))
