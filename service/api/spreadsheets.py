"""CSV for spreadsheets, which take a cell that begins in some ways for a formula to be computed."""

SPREADSHEET = "text/csv; formulas=text"
"""What a client accepts that will open the answer in a spreadsheet."""
BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n")
MARK = "'"


def computes(text: str) -> bool:
    """Return whether a spreadsheet might take a text for a formula."""
    return text.startswith(BEGINNINGS)


def shown(text: str) -> str:
    """Return a text behind a mark where it might be computed, or begins with one itself.

    Without its first mark, if it has any, it is what it was.
    """
    return MARK + text if computes(text) or text.startswith(MARK) else text
