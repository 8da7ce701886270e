"""What is common to everything a client may send: a name that is not known is refused."""

from marshmallow import RAISE, Schema


class Request(Schema):
    """A body or a query string."""

    class Meta:
        """Refuse what is not known, and say so in the description."""

        unknown = RAISE
