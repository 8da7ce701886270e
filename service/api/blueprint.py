"""How views are declared: what they read, with our strict parser, and what describes them."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache, partial, wraps
from inspect import unwrap
from itertools import islice
from typing import Any, NoReturn, TypeVar, cast

import flask
import marshmallow
import orjson
from flask import Request, Response, current_app, g, request
from webargs.flaskparser import FlaskParser

from service.api.bodies import read_json
from service.api.slots import BODIES, slot
from service.backend import Backend
from service.errors import (
    MOST_FAULTS,
    PROBLEM_JSON,
    Fault,
    InvalidRequest,
    ServiceError,
)
from service.records import READ, WRITE
from service.schemas.problems import ProblemSchema

View = TypeVar("View", bound=Callable[..., Any])

Kind = type[marshmallow.Schema]
Telling = Callable[[Any], Callable[[Any], Any]]
"""From a blueprint of flask-smorest to the decorator by which it is told something of a view."""

EXTENSION = "shortlist"
SHORT_QUERY, MOST_QUERIES = 256, 256
"""Characters of the query strings that are remembered as they were read, and how many they are."""
UNKNOWN = "Unknown field."


def backend() -> Backend:
    """Return the backend as the workspace of the request's key sees it."""
    found: Backend = g.get("backend") or current_app.extensions[EXTENSION]
    return found


class Parser(FlaskParser):
    """Reads strict JSON and known query parameters only, and says what is wrong by pointer."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {  # noqa: RUF012 (webargs' own attribute)
        "json": marshmallow.RAISE,
        "query": marshmallow.RAISE,
    }

    def load_json(self, req: Request, schema: marshmallow.Schema) -> Any:
        """Return the JSON body."""
        del schema
        with slot(BODIES):
            return read_json(req, backend().settings.max_json_bytes)

    def handle_error(
        self,
        error: marshmallow.ValidationError,
        req: Request,
        schema: marshmallow.Schema,
        *,
        error_status_code: int | None,
        error_headers: Mapping[str, str] | None,
    ) -> NoReturn:
        """Raise what marshmallow found as our own error."""
        del req, error_status_code, error_headers
        messages: Any = error.messages
        raise misfit([told(fault, schema) for fault in islice(faults_of(messages), MOST_FAULTS)])


PARSER = Parser()


@cache
def instance_of(schema: Kind) -> marshmallow.Schema:
    """Return the one instance of a schema: making it takes longer than using it."""
    return schema()


def sent(schema: Kind) -> Any:
    """Return what the body of a request says, read by a schema."""
    return PARSER.parse(instance_of(schema), request, location="json")


def asked(schema: Kind) -> dict[str, Any]:
    """Return what the query string of a request says, read by a schema."""
    text = request.query_string.decode("latin-1")
    read = remembered_query if len(text) <= SHORT_QUERY else remembered_query.__wrapped__
    return dict(read(schema, text))


@lru_cache(MOST_QUERIES)
def remembered_query(schema: Kind, text: str) -> dict[str, Any]:
    """Return what a query string says: clients ask the same again and again."""
    request = Request({"QUERY_STRING": text})
    found: dict[str, Any] = PARSER.parse(instance_of(schema), request, location="query")
    return found


def misfit(faults: Sequence[Fault]) -> InvalidRequest:
    """Return the error for a request that has these faults, one or more."""
    first = f"{faults[0].detail} (at {faults[0].pointer or 'the whole body'})"
    return InvalidRequest(f"The request does not fit its schema: {first}", faults=faults)


def loaded(schema: marshmallow.Schema, document: Any) -> Any:
    """Return a JSON body, read elsewhere, as its schema has it."""
    try:
        return schema.load(document)
    except marshmallow.ValidationError as error:
        found = islice(faults_of({"json": error.messages}), MOST_FAULTS)
        raise misfit([told(fault, schema) for fault in found]) from error


def faults_of(messages: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield marshmallow's messages, first named by location, as faults with pointers."""
    for location, found in messages.items():
        yield from flatten("?" if location == "query" else "", found)


def flatten(pointer: str, found: Any) -> Iterator[Fault]:
    """Yield a tree of messages as faults; `_schema` stands for the object itself."""
    if isinstance(found, Mapping):
        for name, inner in found.items():
            yield from flatten(pointer if name == "_schema" else join(pointer, name), inner)
    elif isinstance(found, list):
        for inner in found:
            yield from flatten(pointer, inner)
    else:
        yield Fault(pointer, str(found))


def told(fault: Fault, schema: marshmallow.Schema) -> Fault:
    """Return a fault that also says what is known, where a name at the top is not."""
    if fault.detail != UNKNOWN or fault.pointer.count("/") > 1:
        return fault
    known = sorted(field.data_key or name for name, field in schema.load_fields.items())
    return Fault(fault.pointer, f"{UNKNOWN} Known are: {', '.join(known) or 'none'}.")


def place_of(name: str) -> str:
    """Return the pointer to a parameter of the request: in its query, or in its body."""
    return f"?{name}" if request.method in {"GET", "DELETE"} else f"/{name}"


def join(pointer: str, name: Any) -> str:
    """Return the pointer to a member: `/a/0` in a body, `?n` in a query."""
    escaped = str(name).replace("~", "~0").replace("/", "~1")
    return f"?{escaped}" if pointer == "?" else f"{pointer}/{escaped}"


class Blueprint(flask.Blueprint):
    """A group of operations. An operation's id is its view's name, its summary the docstring.

    What describes an operation is kept here and told to flask-smorest by `describe`: its own
    decorators cost, for every start and every request, many times what the views themselves do.
    """

    def __init__(
        self, name: str, place: str, *, description: str, url_prefix: str = "", scope: str = WRITE
    ) -> None:
        super().__init__(name, place, url_prefix=url_prefix or None)
        self.description = description
        self.scope = scope
        self.scopes: dict[str, str] = {}
        self.told: dict[Callable[..., Any], list[Telling]] = {}
        self.operations: list[tuple[str, list[str], Callable[..., Any]]] = []

    def route(  # type: ignore[override]  # stricter
        self, rule: str, *, methods: list[str], scope: str | None = None
    ) -> Callable[[View], View]:
        """Register a view, with its name as operationId.

        A key needs a scope for it: to read where it only gets, else the blueprint's, or this one.
        """

        def decorate(view: View) -> View:
            self.scopes[view.__name__] = scope or (READ if methods == ["GET"] else self.scope)
            self.add_url_rule(rule, view.__name__, view, methods=methods)
            self.operations.append((rule, methods, self.doc(operationId=view.__name__)(view)))
            return view

        return decorate

    def tell(self, telling: Telling) -> Callable[[View], View]:
        """Keep what describes a view."""

        def decorate(view: View) -> View:
            self.told.setdefault(view, []).append(telling)
            return view

        return decorate

    def doc(self, **words: Any) -> Callable[[View], View]:
        """Describe an operation in OpenAPI's own words."""
        return self.tell(lambda described: described.doc(**words))

    def response(
        self, status: int, schema: Kind | dict[str, Any] | None = None, **words: Any
    ) -> Callable[[View], View]:
        """Describe the answer of an operation."""
        return self.tell(lambda described: described.response(status, schema, **words))

    def alt_response(self, status: int, **words: Any) -> Callable[[View], View]:
        """Describe another answer of an operation."""
        return self.tell(lambda described: described.alt_response(status, **words))

    def arguments(
        self, schema: Kind, location: str = "json", **words: Any
    ) -> Callable[[View], View]:
        """Give a view what its request says, read by a schema, as its first argument."""
        read = asked if location == "query" else sent

        def decorate(view: View) -> View:
            @wraps(view)
            def reading(*given: Any, **named: Any) -> Any:
                return view(*given, read(schema), **named)

            reader = cast("View", reading)
            self.told[reader] = self.told.pop(view, [])
            return self.tell(
                lambda described: described.arguments(schema, location=location, **words)
            )(reader)

        return decorate

    def fails(self, *kinds: type[ServiceError]) -> Callable[[View], View]:
        """Describe the errors of an operation, each with an example."""
        by_status: dict[int, list[type[ServiceError]]] = {}
        for kind in kinds:
            by_status.setdefault(kind.status, []).append(kind)

        def decorate(view: View) -> View:
            for status, group in by_status.items():
                self.tell(partial(failing, status=status, group=group))(view)
            return view

        return decorate

    def describe(self, described: Any) -> Any:
        """Tell a blueprint of flask-smorest all that describes this one; return it."""
        for rule, methods, view in self.operations:
            telling: Any = unwrap(view)
            for tell in self.told[view]:
                telling = tell(described)(telling)
            described.route(rule, methods=methods)(telling)
        return described


def failing(described: Any, *, status: int, group: Sequence[type[ServiceError]]) -> Any:
    """Return flask-smorest's decorator for errors of one status."""
    return described.alt_response(
        status,
        schema=ProblemSchema,
        content_type=PROBLEM_JSON,
        description="; ".join((kind.__doc__ or "").strip() for kind in group),
        examples={kind.code: {"value": example_of(kind)} for kind in group},
    )


def example_of(kind: type[ServiceError]) -> dict[str, Any]:
    """Return what an error looks like to a client."""
    title = (kind.__doc__ or "").strip()
    return {**kind(title).problem(), "request_id": "8f14e45fceea467a9b3c2a1d0e5f6789"}


def dumped(schema: Kind, value: Any, status: int = 200) -> Response:
    """Return a value as a JSON answer in a schema's form."""
    return json_answer(instance_of(schema).dump(value), status)


def json_answer(document: Any, status: int = 200) -> Response:
    """Return plain values as a JSON answer."""
    try:
        body = orjson.dumps(document)
    except TypeError:  # what orjson cannot say is said slower: no stored value spoils a listing
        body = json.dumps(document).encode()
    return Response(body + b"\n", status=status, content_type="application/json")
