"""A stand-in for the storage, held to the same promises by tests/contracts/test_storage.py."""

import json
import threading
import time

from service.records import LABELLED, Job, new_id
from service.storage import Versioned


class MemoryStorage:
    """All that changes, in dictionaries, one step at a time."""

    def __init__(self):
        self.lock = threading.Lock()
        self.texts = {}
        self.kept = {}
        self.held = {}
        self.bitmaps = {}
        self.numbers = {}

    def ping(self):
        pass

    def add(self, record):
        with self.lock:
            key = (record.kind, record.id)
            if key not in self.texts:
                self.numbers[key] = new_id()
            stored = self.texts.setdefault(key, text_of(record))
            return stored == text_of(record)

    def get(self, kind, id):
        text = self.texts.get((kind.kind, id))
        return None if text is None else kind.from_document(json.loads(text))

    def replace(self, old, new):
        with self.lock:
            key = (old.kind, old.id)
            if self.texts.get(key) not in (text_of(old), text_of(new)):
                return False
            self.texts[key] = text_of(new)
            self.numbers[key] = new_id()
            return True

    def remove(self, record):
        with self.lock:
            return self.texts.pop((record.kind, record.id), None) is not None

    def every(self, kind):
        found = [self.get(kind, id) for stored, id in list(self.texts) if stored == kind.kind]
        return sorted(found, key=lambda record: (record.created_at, record.id))

    def page(self, kind, after, limit, index=None):
        found = self.every(kind) if index is None else self.indexed(kind, index)
        entries = [(f"{record.created_at} {record.id}", record) for record in found]
        ahead = [each for each in reversed(entries) if after is None or each[0] < after]
        more = len(ahead) > limit
        return [record for _, record in ahead[:limit]], ahead[limit - 1][0] if more else None

    def indexed(self, kind, index):
        return [record for record in self.every(kind) if index in record.indexes()]

    def count(self, kind, index):
        return len(self.indexed(kind, index))

    def set_progress(self, job, done, total):
        self.kept["progress", job] = (done, total)

    def set_run_progress(self, job, run, done, total):
        with self.lock:
            runs = self.kept.setdefault(("runs", job), {})
            runs[run] = done
            self.set_progress(job, sum(runs.values()), total)

    def progress(self, job):
        return self.kept.get(("progress", job))

    def forget_progress(self, job):
        for kind in ("progress", "runs"):
            self.kept.pop((kind, job), None)

    def poll(self, id):
        return self.get(Job, id), self.progress(id)

    def hold(self, ticket, seconds):
        self.held[ticket] = time.monotonic() + seconds

    def is_held(self, ticket):
        return self.held.get(ticket, 0) > time.monotonic()

    def bits(self, pool, name):
        stored = self.bitmaps.get((pool, name))
        return None if stored is None else bytes_of(stored)

    def stored(self, place):
        """What stands in a place, or None."""
        kind, *rest = place
        if kind == "bits":
            return self.bits(*rest)
        text = self.texts.get(place)
        return None if text is None else text.encode()

    def versions(self, places):
        return [self.versioned(place).version for place in places]

    def versioned(self, place):
        content = self.stored(place)
        return Versioned(content, "" if content is None else self.numbers[place])

    def put_bits(self, pool, name, bitmap):
        self.numbers["bits", pool, name] = new_id()
        self.bitmaps[pool, name] = number_of(bitmap)

    def merge_bits(self, pool, name, add, remove):
        self.numbers["bits", pool, name] = new_id()
        stored = self.bitmaps.get((pool, name), 0)
        self.bitmaps[pool, name] = (stored | number_of(add)) & ~number_of(remove)

    def remove_bits(self, pool, name):
        return self.bitmaps.pop((pool, name), None) is not None

    def bit_names(self, pool):
        return sorted(name for owner, name in self.bitmaps if owner == pool and name != LABELLED)

    def forget_pool(self, pool):
        self.bitmaps.pop((pool, LABELLED), None)
        for name in self.bit_names(pool):
            del self.bitmaps[pool, name]

    def remember(self, key, document, seconds):
        with self.lock:
            ends, stored = self.kept.get(("once", key), (0, None))
            if ends > time.monotonic():
                return stored
            self.overwrite(key, document, seconds)
            return None

    def overwrite(self, key, document, seconds):
        self.kept["once", key] = (time.monotonic() + seconds, document)

    def forget(self, key):
        self.kept.pop(("once", key), None)

    def put_tally(self, name, amount, seconds):
        self.kept["tally", name] = (time.monotonic() + seconds, amount)

    def add_to_tally(self, name, amount):
        with self.lock:
            ends, known = self.kept.get(("tally", name), (0, 0))
            self.kept["tally", name] = (ends, known + amount)

    def tally(self, name):
        ends, amount = self.kept.get(("tally", name), (0, 0))
        return amount if ends > time.monotonic() else None


def text_of(record):
    return json.dumps(record.document(), sort_keys=True)


def number_of(bitmap):
    """The rows of a bitmap as the bits of a number, row 0 the lowest."""
    bits = "".join(f"{byte:08b}" for byte in bitmap)
    return sum(1 << row for row, bit in enumerate(bits) if bit == "1")


def bytes_of(number):
    length = -(-number.bit_length() // 8)
    rows = "".join("1" if number >> row & 1 else "0" for row in range(8 * length))
    return bytes(int(rows[start : start + 8], 2) for start in range(0, 8 * length, 8))
