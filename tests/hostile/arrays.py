"""Arrays that are not what they say: `.npy` headers that lie, `.npz` archives that explode."""

import io
import struct
import zipfile
from functools import partial

import numpy as np

from tests.hostile.file import ITEMS, NPY, NPZ, PREDICTIONS, Hostile
from tests.uploads import npy

MEBIBYTE = 1024**2
VALUES = np.arange(4.0).reshape(2, 2)


def array(text, values=bytes(32), *, version=b"\1\0", length=None):
    """A `.npy` file with the given text as its header, which says it has some length."""
    header = text.encode() + b"\n"
    size = struct.pack("<H", len(header) if length is None else length)
    return b"\x93NUMPY" + version + size + header + values


def described(shape="(2, 2)", descr="'<f8'", order="False"):
    """The text of a header."""
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


def archive(*members, method=zipfile.ZIP_STORED):
    """An archive of (name, content) members."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as made:
        for name, content in members:
            made.writestr(name, content)
    return target.getvalue()


def bomb():
    """An archive of an array that is a thousand times its size."""
    zeros = npy(np.zeros((MEBIBYTE, 70), np.uint8))
    return archive(("features.npy", zeros), method=zipfile.ZIP_DEFLATED)


def understated():
    """An archive that says its array has 1 byte, once it is unpacked."""
    content = archive(("features.npy", npy(VALUES)), method=zipfile.ZIP_DEFLATED)
    directory = content.rindex(b"PK\1\2")
    return content[: directory + 24] + struct.pack("<I", 1) + content[directory + 28 :]


def encrypted():
    """An archive whose member says that it is encrypted."""
    content = archive(("features.npy", npy(VALUES)))
    directory = content.rindex(b"PK\1\2")
    return content[: directory + 8] + b"\1\0" + content[directory + 10 :]


def twice():
    """An archive in which one name stands for two arrays."""
    content = archive(("features.npy", npy(VALUES)), ("features.npx", npy(VALUES)))
    return content.replace(b"features.npx", b"features.npy")


def many():
    """An archive of 5,000 metadata columns."""
    column = npy(np.arange(2))
    columns = [(f"metadata.{number}.npy", column) for number in range(5_000)]
    return archive(("features.npy", npy(VALUES)), *columns)


def lying(name, text, reason, kind=ITEMS, **more):
    """An array whose header lies."""
    return Hostile(name, kind, NPY, partial(array, text, **more), reason)


def within(name, reason, *members):
    """An archive of some members."""
    return Hostile(name, ITEMS, NPZ, partial(archive, *members), reason)


CUT = "cut short"
UNREAD = "header cannot be read"

FILES = (
    lying("a terabyte announced", described("(1000000, 125000)"), "announces 1000000000000 bytes"),
    lying("a terabyte announced", described("(10**6, 10**6)"), UNREAD, kind=PREDICTIONS),
    lying("fewer rows than there are", described("(1, 2)"), "32 follow"),
    lying("a shape that overflows", described(f"({2**33}, {2**31})"), "announces 1475739525896764"),
    lying("less than no rows", described("(-2, -2)"), "holds nothing"),
    lying("a shape to compute", described("(__import__('os').getpid(), 2)"), UNREAD),
    lying("a program", "__import__('os')._exit(0)", UNREAD),
    lying("brackets without end", "(" * 9_000, f"{UNREAD}|nested"),
    lying("a header longer than the file", described(), CUT, length=9_000),
    lying("a header of 64 KiB", described() + " " * 60_000, "header has 6", values=b""),
    lying("objects", described(descr="'|O'"), "Python objects"),
    lying("objects in a record", described("(2,)", "[('a', '<f8'), ('b', '|O')]"), "objects"),
    lying("the other order", described("(1000000, 1000000)", order="True"), "announces 80000000"),
    lying("an order that is none", described(order="__import__"), UNREAD),
    lying("values of 8 GiB each", described("(1,)", "'<U2147483647'"), "announces|cannot be read"),
    lying("values of no bytes", described("(999999999,)", "'|S0'"), "holds nothing"),
    lying("arrays in values", described("(2,)", "('<f8', (1000000,))"), "announces|type"),
    lying("a version to come", described(), "newer than 2.0", version=b"\x09\0"),
    lying("a number not finite", described(), "NaN", values=np.full(4, np.nan).tobytes()),
    Hostile("a bomb", ITEMS, NPZ, bomb, "200-fold"),
    Hostile("a size that is a lie", ITEMS, NPZ, understated, "cut short|announces|broken"),
    Hostile("a member said to be encrypted", ITEMS, NPZ, encrypted, "encrypted"),
    Hostile("one name twice", ITEMS, NPZ, twice, 'holds "features.npy".* each once'),
    Hostile("5,000 columns", ITEMS, NPZ, many, "metadata columns"),
    within("a name that leads out", r'holds "\.\./', ("../../features.npy", npy(VALUES))),
    within("a name from the root", 'holds "/etc', ("/etc/cron.d/features.npy", npy(VALUES))),
    within("an archive inside", r"no \.npy", ("features.npy", archive(("features.npy", b"")))),
    within(
        "text that is no Unicode",
        "no Unicode",
        ("ids.npy", array(described("(1,)", "'<U1'"), b"\xff\xff\xff\x7f")),
    ),
)
