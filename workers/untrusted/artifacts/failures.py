"""What libraries raise, where it is no fault of the file."""

import re

LACK_OF_MEMORY = re.compile("bad_alloc|[Ff]ailed to allocate memory")


def pass_on_lack_of_memory(error: Exception) -> None:
    """Raise MemoryError for whatever a library says instead: it is no fault of the file."""
    if isinstance(error, MemoryError) or LACK_OF_MEMORY.search(str(error)):
        raise MemoryError from error
