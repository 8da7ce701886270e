"""Simulations: what replays of active learning on labelled pools have shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.records.record import Record


@dataclass(frozen=True, kw_only=True)
class Simulation(Record):
    """The immutable result of a simulation job, under the job's id.

    `request` is what was asked, every default filled in; `summary` what came of it: areas under the
    curves, labels needed, savings, advice. Every round of every run is in the files.
    """

    kind = "simulation"

    pool: str
    name: str = ""
    request: Mapping[str, Any]
    summary: Mapping[str, Any]
    versions: Mapping[str, str]

    def indexes(self) -> frozenset[str]:
        """Simulations are found by the pool that they replay."""
        return frozenset({f"pool:{self.pool}"})
