"""Workspaces: each has records, files and turns in the queue of its own, and sees no other's.

The one named `default` is that of a service without keys, and of its operator's own key. What is in
it stands where everything stood before there were others.
"""

import re

DEFAULT = "default"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
FOLDER = "workspaces"


def key_of(*words: str, workspace: str = DEFAULT) -> str:
    """Return the key in Redis of something in a workspace, by its words."""
    place = "shortlist" if workspace == DEFAULT else f"shortlist@{workspace}"
    return ":".join((place, *words))


def folder_of(workspace: str) -> str:
    """Return the path, below that of all files, of a workspace's; '' is the same place."""
    return "" if workspace == DEFAULT else f"{FOLDER}/{workspace}"


def is_ours(key: str) -> bool:
    """Return whether a key in Redis is of any workspace, or of all of them."""
    return key.startswith(("shortlist:", "shortlist@"))
