"""Files in a bucket, of which each machine keeps copies in a directory of its own.

A publication is three kinds of objects: its files' content, under a token of its own; the notice,
written last, which names the token and makes it seen; and, while it is put there or taken away, a
note of what is pending, by which a sweep finds what somebody who died left.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from service.files.copies import Copies
from service.files.directory import Files, is_within
from service.files.disk import size
from service.files.errands import Errands
from service.files.names import LASTING, STAGING, UPLOADS, WORK, upload_name
from service.files.objects import Objects
from service.files.publication import CONTENT, Publication, notice_of, read, written

COPIES = "copies"
PENDING = "pending"
KNOWN = 4_096
"""Notices that a process remembers: those it read last."""


class BucketFiles(Files):
    """Publications in a bucket, and the copies of them on this machine."""

    def __init__(
        self, root: Path, objects: Objects, cache_bytes: int, copies: Copies | None = None
    ) -> None:
        super().__init__(root)
        self.objects = objects
        self.copies = copies or Copies(self.root / COPIES, cache_bytes)
        self.known: OrderedDict[str, Publication] = OrderedDict()
        self.errands = Errands()

    def within(self, folder: str) -> "BucketFiles":
        """Return the files of a folder, which sees no others; copies have one bound for all."""
        objects = self.objects.within(folder)
        return BucketFiles(self.root / folder, objects, self.copies.limit, self.copies)

    @property
    def is_clean(self) -> bool:
        """Whether this process must leave the bucket to others."""
        return self.objects.clean == os.getpid()

    def aside(self, act: Callable[[], None]) -> None:
        """Do something with files where that may be done: here, or in a process of its own."""
        if self.is_clean:
            self.errands.send(act)
        else:
            act()

    def path(self, name: str) -> Path:
        """Return where a name made by the server stands on this machine, fetched if need be.

        Nothing is there where nothing was published under the name.
        """
        local = self.local(name)
        if is_within(name, STAGING) or local.is_file():
            return local
        for publication in self.standing_at(name):
            try:
                return self.fetched(publication, name)
            except FileNotFoundError:  # it was removed since its notice was read
                self.forget(publication.name)
        return local

    def mapped(self, name: str) -> npt.NDArray[Any]:
        """Return a published array, mapped anew; what is mapped stays readable when evicted."""
        array = super().mapped(name)
        if isinstance(array, np.memmap):
            self.copies.release(Path(str(array.filename)))
        return array

    def standing_at(self, name: str) -> Iterator[Publication]:
        """Yield the publication that a name is in: as it is known here, and then as it is."""
        names = holders(name)
        known = [self.known[each] for each in names if each in self.known]
        if known:
            yield known[0]
        for each in names:
            publication = self.publication(each)
            if publication is not None:
                yield publication
                return

    def fetched(self, publication: Publication, name: str) -> Path:
        """Return where the copy of a name in a publication stands; raise FileNotFoundError."""
        files = publication.chosen(name)
        for file in files:
            fetch = partial(self.objects.download, publication.content(file))
            self.copies.hold(publication.token, file, publication.files[file], fetch)
        if not files and name != publication.name:
            raise FileNotFoundError(name)
        place = self.copies.root / publication.token
        if publication.whole:
            return place / files[0]
        return place / name.removeprefix(publication.name).lstrip("/")

    def publication(self, name: str) -> Publication | None:
        """Return what stands in the bucket under exactly a name, or None."""
        try:
            [found] = read(self.objects.read(notice_of(name)))
        except FileNotFoundError:
            self.forget(name)
            return None
        self.remember(found)
        return found

    def remember(self, publication: Publication) -> None:
        """Remember a notice that was read or written."""
        with self.lock:
            self.known[publication.name] = publication
            self.known.move_to_end(publication.name)
            while len(self.known) > KNOWN:
                self.known.popitem(last=False)

    def forget(self, name: str) -> None:
        """Forget the notices at and below a name."""
        with self.lock:
            for known in [each for each in self.known if is_within(each, name)]:
                del self.known[known]

    def hand_over(self, name: str) -> None:
        """Publish a draft, for every machine."""
        self.publish(self.local(name), name)

    def publish(self, staged: Path, name: str) -> None:
        """Put a staged file or directory into the bucket, and keep it as a copy.

        Where the name is taken already, the same content stands there, and goes on standing.
        """
        self.local(name)
        if self.publication(name) is not None:
            return
        publication = publication_of(staged, name)
        note = self.note([publication])
        for file in publication.files:
            source = staged if publication.whole else staged / file
            self.objects.upload(source, publication.content(file))
        if self.is_announced(publication):
            self.objects.delete([note])
            self.copies.take(staged, publication.token)
            self.remember(publication)
        else:
            self.objects.delete(publication.contents)
            self.objects.delete([note])

    def is_announced(self, publication: Publication) -> bool:
        """Make a publication seen; return False where another has taken the name meanwhile."""
        try:
            self.objects.create(publication.notice, written([publication]))
        except FileExistsError:
            # It may be our own, written by a try whose answer was lost.
            standing = self.publication(publication.name)
            return standing is not None and standing.token == publication.token
        return True

    def note(self, publications: Sequence[Publication]) -> str:
        """Note what is being put into the bucket or taken out of it; return the note's path."""
        path = f"{PENDING}/{os.urandom(8).hex()}"
        self.objects.write(path, written(publications))
        return path

    def exists(self, name: str) -> bool:
        """Return whether something was published under a name."""
        self.local(name)
        if self.objects.exists(notice_of(name)):
            return True
        around = self.publication(name.rpartition("/")[0])
        return around is not None and not around.whole and bool(around.chosen(name))

    def names(self, name: str) -> frozenset[str]:
        """Return the names of what is published directly under a name; none where nothing is."""
        self.local(name)
        found = self.objects.directly_below(notice_of(name))
        if found:
            return frozenset(each.rpartition("/")[2] for each in found)
        publication = self.publication(name)
        if publication is None or publication.whole:
            return frozenset()
        return frozenset(file.partition("/")[0] for file in publication.files)

    def remove(self, name: str) -> None:
        """Remove what was published under a name, if anything was, or see to it that it goes."""
        self.let_go(name)
        self.forget(name)
        draft = self.local(name)
        if draft.is_file():
            draft.unlink(missing_ok=True)
        self.aside(partial(self.withdraw, name))

    def withdraw(self, name: str) -> None:
        """Take what was published under a name out of the bucket: no longer seen, and then gone."""
        notices = self.objects.below(notice_of(name))
        found = [each for text in self.objects.read_all(notices) for each in read(text)]
        if not found:
            return
        note = self.note(found)
        self.objects.delete(notices)
        self.objects.delete([path for each in found for path in each.contents])
        self.objects.delete([note])
        for each in found:
            self.copies.forget(each.token)

    def size(self) -> int:
        """Return how many bytes are in the bucket, those that workers share apart, or come in here.

        It looks at every object there is.
        """
        published = sum(self.objects.size(f"{CONTENT}/{place}") for place in LASTING)
        return published + size(self.root / UPLOADS)

    def uploads(self, older_than: float) -> list[str]:
        """Return the tokens of the request bodies that have stood for so many seconds."""
        handed_over = [
            each
            for each in self.names(UPLOADS)
            if self.objects.age(notice_of(upload_name(each))) > older_than
        ]
        return [*handed_over, *super().uploads(older_than)]

    def work(self) -> list[str]:
        """Return the jobs whose workers share, or shared, what they have done."""
        return [*self.names(WORK)]

    def forget_staging(self, older_than: float) -> list[str]:
        """Remove what writers that died left, here and in the bucket; return which."""
        removed = super().forget_staging(older_than)
        for path in self.objects.directly_below(PENDING):
            if self.objects.age(path) > older_than:
                self.settle(path)
                removed.append(path)
        return removed

    def settle(self, note: str) -> None:
        """Remove what is noted as pending and not seen, and the note."""
        for text in self.objects.read_all([note]):
            for each in read(text):
                standing = self.publication(each.name)
                if standing is None or standing.token != each.token:
                    self.objects.delete(each.contents)
        self.objects.delete([note])


def publication_of(staged: Path, name: str) -> Publication:
    """Return a staged file, or directory of files, as it is to be published."""
    whole = staged.is_file()
    paths = [staged] if whole else [path for path in staged.rglob("*") if path.is_file()]
    base = staged.parent if whole else staged
    files = {str(path.relative_to(base)): path.stat().st_size for path in sorted(paths)}
    return Publication(name, os.urandom(16).hex(), files, whole)


def holders(name: str) -> list[str]:
    """Return the names that the publication of a name may have, the likeliest first."""
    outer = name.rpartition("/")[0]
    if "/" not in outer:  # all publications have names of two words at least
        return [name]
    return [outer, name] if "." in name.rpartition("/")[2] else [name, outer]
