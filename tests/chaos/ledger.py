"""What the clients were told: every acknowledged write, and everything that was answered wrong."""

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any


@dataclass
class PoolAccount:
    """What was acknowledged of a pool. What is unsure was asked for and never answered."""

    id: str
    parts: dict[str, int] = field(default_factory=dict)
    ids: dict[str, list[str]] = field(default_factory=dict)
    labels: dict[str, Any] = field(default_factory=dict)
    unsure_labels: dict[str, Any] = field(default_factory=dict)
    exclusions: dict[str, list[str]] = field(default_factory=dict)
    leased: list[list[str]] = field(default_factory=list)
    deleting: bool = False
    deleted: bool = False
    unsure: bool = False


class Ledger:
    """Written by all actors at once."""

    def __init__(self):
        self.lock = threading.Lock()
        self.pools: dict[str, PoolAccount] = {}
        self.models: set[str] = set()
        self.jobs: dict[str, str] = {}
        self.job_pools: dict[str, str] = {}
        self.ended: dict[str, dict] = {}
        self.readings: dict[str, list] = {}
        self.gone: set[str] = set()
        self.learners: dict[str, str] = {}
        self.counts: Counter = Counter()
        self.slowest = 0.0
        self.wrong: list[str] = []
        self.doing: dict[str, int] = defaultdict(int)

    def count(self, what, number=1):
        with self.lock:
            self.counts[what] += number

    def complain(self, words):
        with self.lock:
            self.wrong.append(words)

    def begin(self, step):
        """Note that an actor begins a step, for those who wait for that."""
        with self.lock:
            self.doing[step] += 1
