"""The strategies whose label economy is measured, and what the reference says of each."""

from dataclasses import dataclass
from typing import Any

from service.acquisition import REGISTRY

Document = dict[str, Any]

LEVELS = (0.85, 0.90, 0.93, 0.95)


@dataclass(frozen=True)
class Reference:
    """Mean accuracy of all rounds and its standard deviation; labels needed for each level."""

    mean: float
    deviation: float
    needed: tuple[int | None, ...]


@dataclass(frozen=True)
class Strategy:
    """A function as a client asks for it, but for the seed."""

    function: str
    reference: Reference
    parameters: tuple[tuple[str, float], ...] = ()
    of: str | None = None

    @property
    def batch(self) -> bool:
        """Whether it selects a batch, rather than scoring each item on its own."""
        return REGISTRY[self.function].kind == "batch"

    @property
    def predicted(self) -> bool:
        """Whether it looks at probabilities, itself or in what it builds on."""
        entry = REGISTRY[self.function]
        return entry.needs_predictions or bool(self.of or entry.builds_on)

    def asked(self, seed: int) -> Document:
        """Return it as it is asked for, with the seed where it takes one."""
        takes = {each.name for each in REGISTRY[self.function].parameters}
        parameters = {**dict(self.parameters), **({"seed": seed} if "seed" in takes else {})}
        of = {"of": [{"name": self.of}]} if self.of else {}
        return {"name": self.function, "parameters": parameters, **of}


STRATEGIES = {
    each.function: each
    for each in (
        Strategy("random", Reference(0.8806, 0.0098, (80, 130, 230, None))),
        Strategy("entropy", Reference(0.8871, 0.0113, (90, 130, 170, 240))),
        Strategy("least_confidence", Reference(0.9038, 0.0123, (70, 100, 150, 210))),
        Strategy("margin", Reference(0.9203, 0.0086, (60, 80, 110, 170))),
        Strategy("power", Reference(0.8984, 0.0081, (60, 110, 160, 270)), of="margin"),
        Strategy("ranked_batch", Reference(0.9160, 0.0070, (50, 80, 130, 180))),
        Strategy("dmbal", Reference(0.9272, 0.0088, (50, 60, 90, 150))),
        Strategy("falcun", Reference(0.9205, 0.0069, (50, 80, 120, 160))),
        Strategy("badge", Reference(0.9080, 0.0057, (60, 90, 150, 230)), (("exponent", 4),)),
        Strategy("k_center", Reference(0.9096, 0.0064, (50, 90, 140, 250))),
        Strategy("typiclust", Reference(0.9150, 0.0089, (40, 70, 150, 300)), (("k", 5),)),
        Strategy(
            "max_herding", Reference(0.9223, 0.0079, (40, 60, 100, 220)), (("gamma", 1 / 64),)
        ),
        Strategy("prob_cover", Reference(0.8886, 0.0140, (70, 130, 200, None)), (("delta", 0.31),)),
    )
}
"""All of them by function, in the order of the table."""
