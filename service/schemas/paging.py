"""What every listing asks for and says."""

from marshmallow import fields, validate

from service.schemas.fields import QueryInteger
from service.schemas.requests import Request

PAGE_SIZE = 100
LARGEST_PAGE = 1_000


class PageArguments(Request):
    """Which page of a listing, the newest first."""

    page_size = QueryInteger(
        load_default=PAGE_SIZE,
        validate=validate.Range(1, LARGEST_PAGE),
        metadata={"description": "Entries of one page"},
    )
    page_token = fields.String(
        load_default=None,
        metadata={"description": "`next_page_token` of the page before; leave out for the first"},
    )


class PoolPageArguments(PageArguments):
    """Which page of a listing of what belongs to pools."""

    pool = fields.String(
        load_default=None, metadata={"description": "A pool's id: only what belongs to it"}
    )


def next_page_token() -> fields.String:
    """Return the field that leads on."""
    return fields.String(
        allow_none=True,
        required=True,
        metadata={"description": "Pass as page_token to go on; null on the last page"},
    )
