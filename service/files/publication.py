"""What was published under a name, as it is written down in a bucket."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

PUBLISHED = "published"
CONTENT = "content"


@dataclass(frozen=True)
class Publication:
    """The files under a name, each with its bytes, and the token under which their content stands.

    A token is never used twice: what is removed and published again has another. `whole` says that
    the one file there is stands under the name itself.
    """

    name: str
    token: str
    files: Mapping[str, int]
    whole: bool

    @property
    def notice(self) -> str:
        """The path of the object that makes it seen."""
        return notice_of(self.name)

    def content(self, file: str) -> str:
        """Return the path of the object with a file's content."""
        return f"{CONTENT}/{self.name}/{self.token}/{file}"

    @property
    def contents(self) -> list[str]:
        """The paths of all objects with content."""
        return [self.content(file) for file in self.files]

    def chosen(self, name: str) -> list[str]:
        """Return the files that a name stands for: all, those in a directory, one, or none."""
        if name == self.name:
            return [*self.files]
        inner = name.removeprefix(f"{self.name}/")
        return [file for file in self.files if file == inner or file.startswith(f"{inner}/")]


def notice_of(name: str) -> str:
    """Return the path of the object that makes a publication seen."""
    return f"{PUBLISHED}/{name}"


def written(publications: Iterable[Publication]) -> bytes:
    """Return publications as they are written down."""
    return json.dumps([asdict(each) for each in publications]).encode()


def read(text: bytes) -> list[Publication]:
    """Return the publications that are written down."""
    return [Publication(**each) for each in json.loads(text)]
