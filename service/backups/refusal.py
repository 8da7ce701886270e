"""Why nothing was backed up, restored or rebuilt."""


class Refused(Exception):
    """It cannot be done so; the message says what to do about it."""
