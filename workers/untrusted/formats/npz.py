"""`.npz` archives: the arrays `features`, `ids` if there are any, and `metadata.<name>`.

An archive of `ids` without `features` holds items that have none.
"""

import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

from workers.untrusted.formats.columns import PREFIX
from workers.untrusted.formats.companions import Companions
from workers.untrusted.formats.faults import pointer, quoted, refusal
from workers.untrusted.formats.npy import (
    Header,
    Readable,
    read_header,
    scalars,
    texts,
    write_featureless,
    write_features,
)
from workers.untrusted.formats.upload import BLOCK_BYTES, Upload

ARCHIVE = "body"
ARRAYS = ("features", "ids")
SUFFIX = ".npy"
SCRATCH = "member"
SMALL = 64 * 1024**2
MAX_RATIO = 200
"""Members that are larger than SMALL may not be packed tighter; arrays seldom pass 20."""

END_RECORD = b"PK\5\6"
END_BYTES = 22
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    UnicodeDecodeError,
    ValueError,
    OSError,
)


def read_npz(upload: Upload) -> dict[str, Any]:
    """Write the arrays of an archive."""
    with ExitStack() as stack:
        with translated():
            archive = stack.enter_context(zipfile.ZipFile(upload.body))
        check_end(upload, archive)
        members = check_members(archive, ARRAYS, needed=ARRAYS)
        names = [name for name in members if name.startswith(PREFIX)]
        columns = {}
        for name in names:
            place = pointer("metadata", name.removeprefix(PREFIX))
            member, header = open_member(archive, members[name], place, stack)
            columns[name.removeprefix(PREFIX)] = scalars(member, header, place)
        ids = None
        if "ids" in members:
            member, header = open_member(archive, members["ids"], pointer("ids"), stack)
            ids = texts(member, header, pointer("ids"))
        if "features" not in members:
            return write_featureless(upload, Companions(ids, columns))
        member, header = open_member(archive, members["features"], pointer("features"), stack)
        if header.fortran:
            member = stack.enter_context(spooled(archive, members["features"], header, SCRATCH))
        return write_features(upload, member, header, Companions(ids, columns))


@contextmanager
def translated() -> Iterator[None]:
    """Say of an archive that it is broken, where the library fails."""
    try:
        yield
    except BROKEN:
        raise refusal(
            "The .npz archive is broken or cut short, encrypted, or packed by an unusual method: "
            "write it with numpy.savez or numpy.savez_compressed",
            ARCHIVE,
        ) from None


class Member:
    """An array's bytes while they are unpacked."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def read(self, n: int = -1, /) -> bytes:
        """Return up to n bytes."""
        with translated():
            return self.file.read(n)

    def seek(self, offset: int, /) -> int:
        """Go on reading there; to go back is to unpack from the beginning."""
        with translated():
            return self.file.seek(offset)


def open_member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: str, stack: ExitStack
) -> tuple[Readable, Header]:
    """Return an array of the archive, read up to the end of its header."""
    with translated():
        member = Member(stack.enter_context(archive.open(info)))
    return member, read_header(member, info.file_size, place)


def spooled(archive: zipfile.ZipFile, info: zipfile.ZipInfo, header: Header, name: str) -> BinaryIO:
    """Return an array unpacked into a file, for one that cannot be read front to back."""
    path = Path(name)
    with archive.open(info) as member, path.open("wb") as file:
        shutil.copyfileobj(Member(member), file, BLOCK_BYTES)
    unpacked = path.open("rb")
    unpacked.seek(header.offset)
    return unpacked


def check_end(upload: Upload, archive: zipfile.ZipFile) -> None:
    """Refuse an archive that something was appended to."""
    upload.body.seek(max(0, upload.size - END_BYTES - len(archive.comment)))
    if upload.body.read(len(END_RECORD)) != END_RECORD:
        raise refusal("Something follows the end of the .npz archive", ARCHIVE)


def check_members(
    archive: zipfile.ZipFile,
    names: Sequence[str],
    prefix: str | None = PREFIX,
    needed: Sequence[str] | None = None,
) -> dict[str, zipfile.ZipInfo]:
    """Return the arrays by name, one of those needed, or else the first, being there; others than
    those, and than metadata, whose names have the prefix, are refused, and so are those packed too
    tightly."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(SUFFIX)
        beside = prefix is not None and name.startswith(prefix) and name != prefix
        known = name in names or beside
        if not known or not info.filename.endswith(SUFFIX) or name in members:
            raise refusal(
                f"The archive holds {quoted(info.filename)}: it may hold the arrays "
                f"{listed(names, prefix)}, each once",
                ARCHIVE,
            )
        if info.file_size > SMALL and info.file_size > MAX_RATIO * info.compress_size:
            raise refusal(
                f"The array {quoted(name)} is packed more than {MAX_RATIO}-fold: send it unpacked "
                f"(numpy.savez)",
                ARCHIVE,
            )
        members[name] = info
    needed = needed or names[:1]
    if members.keys().isdisjoint(needed):
        raise refusal(f"The archive holds no array named {' or '.join(needed)}", ARCHIVE)
    return members


def listed(names: Sequence[str], prefix: str | None) -> str:
    """Return the names of arrays as a sentence has them."""
    *first, last = [*names, *([] if prefix is None else [f"{prefix}<name>"])]
    return f"{', '.join(first)} and {last}" if first else last
