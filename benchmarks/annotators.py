"""Clients that each do a bit of everything, and note what they were told is kept."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count

from benchmarks.talking import Answer, Talk

OWN_ITEMS = 50
WRONG, TOO_MANY, SERVER_ERROR = 400, 429, 500
REST = 0.2


@dataclass
class Ledger:
    """What all clients saw, and what they were told is kept."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    labels: dict[str, str] = field(default_factory=dict)
    sets: dict[str, set[str]] = field(default_factory=dict)
    uploads: Counter[str] = field(default_factory=Counter)
    jobs: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def note(self, kind: str, answer: Answer) -> None:
        """Note an answer."""
        self.seconds.setdefault(kind, []).append(answer.seconds)
        self.statuses[answer.status] += 1
        if answer.status >= WRONG and answer.status != TOO_MANY:
            self.wrong.append(f"{kind}: {answer.status} {answer.body[:200].decode()}")


@dataclass(frozen=True)
class Place:
    """The pool that all read, its ranking, and a job that has ended."""

    pool: str
    ranking: str
    job: str
    predictions: str


class Annotator:
    """One client: whose items, sets and pool nobody else writes."""

    def __init__(self, talk: Talk, place: Place, number: int, ledger: Ledger) -> None:
        self.talk, self.place, self.number, self.ledger = talk, place, number, ledger
        self.chance = random.Random(number)  # noqa: S311 - the same load each time
        self.turns = count()
        self.pool = ""
        deeds: list[tuple[int, Callable[[], Awaitable[object]]]] = [
            (50, self.read), (20, self.poll), (14, self.label), (7, self.lease),
            (6, self.exclude), (2, self.upload), (1, self.score),
        ]  # fmt: skip
        self.deeds = [deed for weight, deed in deeds for _ in range(weight)]

    @property
    def own(self) -> range:
        """The rows of the shared pool that only this client writes about."""
        return range(self.number * OWN_ITEMS, (self.number + 1) * OWN_ITEMS)

    async def work(self, going: Callable[[], bool], rest: float) -> None:
        """Do one thing after the other, with rests of so many seconds on average."""
        while going():
            if rest:
                await asyncio.sleep(self.chance.expovariate(1 / rest))
            await self.chance.choice(self.deeds)()

    async def tell(self, kind: str, method: str, path: str, *body: dict[str, object]) -> Answer:
        """Send a request and note its answer; rest a while where it is too much."""
        answer = await self.talk.ask(method, path, *body)
        self.ledger.note(kind, answer)
        if answer.status == TOO_MANY:
            await asyncio.sleep(REST)
        return answer

    async def read(self) -> None:
        """Read the top ten."""
        path = f"/v1/rankings/{self.place.ranking}/items?n=10&exclude_set=labelled"
        await self.tell("read", "GET", path)

    async def poll(self) -> None:
        """Look at a job."""
        await self.tell("poll", "GET", f"/v1/jobs/{self.place.job}")

    async def label(self) -> None:
        """Label some items of its own."""
        said = {str(row): f"{self.number}-{next(self.turns)}" for row in self.some(3)}
        body = {"labels": [{"id": id, "label": label} for id, label in said.items()]}
        answer = await self.tell("label", "PUT", f"/v1/pools/{self.place.pool}/labels", body)
        if answer.status < WRONG:
            self.ledger.labels |= said

    async def lease(self) -> None:
        """Lease an item and give it back."""
        path = f"/v1/rankings/{self.place.ranking}/leases"
        said = {"n": 1, "annotator": f"client-{self.number}", "seconds": 60}
        answer = await self.tell("lease", "POST", path, said)
        if answer.status < WRONG and answer.json["items"]:
            await self.tell("lease", "DELETE", f"/v1/leases/{answer.json['id']}")

    async def exclude(self) -> None:
        """Add to its own exclusion set."""
        name, added = f"set-{self.number}", {str(row) for row in self.some(5)}
        path = f"/v1/pools/{self.place.pool}/exclusions/{name}"
        method = "PATCH" if name in self.ledger.sets else "PUT"
        body = {"add": sorted(added)} if method == "PATCH" else {"ids": sorted(added)}
        answer = await self.tell("exclude", method, path, body)
        if answer.status < WRONG:
            self.ledger.sets.setdefault(name, set()).update(added)

    async def upload(self) -> None:
        """Upload a few items to a pool of its own."""
        if not self.pool:
            made = await self.tell("make", "POST", "/v1/pools", {"name": f"of {self.number}"})
            if made.status >= WRONG:
                return
            self.pool = made.json["id"]
        turn = next(self.turns)
        items = [{"id": f"{turn}-{row}", "features": [row, turn]} for row in range(10)]
        answer = await self.tell("upload", "POST", f"/v1/pools/{self.pool}/items", {"items": items})
        if answer.status < WRONG:
            self.ledger.uploads[self.pool] += len(items)
            self.ledger.jobs.append(answer.json["id"])

    async def score(self) -> None:
        """Have the shared pool scored."""
        body = {
            "pool": self.place.pool,
            "predictions": self.place.predictions,
            "acquisitions": [{"name": "margin"}],
        }
        answer = await self.tell("score", "POST", "/v1/scorings", body)
        if answer.status < WRONG:
            self.ledger.jobs.append(answer.json["id"])

    def some(self, most: int) -> list[int]:
        """Return a few of its own rows."""
        return self.chance.sample(self.own, self.chance.randint(1, most))


async def crowd(
    url: str, place: Place, clients: int, going: Callable[[], bool], rest: float
) -> Ledger:
    """Have so many clients work; return what they saw."""
    ledger, talks = Ledger(), [Talk(url) for _ in range(clients)]
    everyone = [Annotator(talk, place, number, ledger) for number, talk in enumerate(talks)]
    try:
        await asyncio.gather(*(each.work(going, rest) for each in everyone))
    finally:
        for talk in talks:
            talk.close()
    return ledger
