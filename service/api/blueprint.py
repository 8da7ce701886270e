"""How views are declared: flask-smorest with our strict parser and our error documents."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NoReturn, TypeVar

import flask_smorest
import marshmallow
import orjson
from flask import Request, Response, current_app, request
from webargs.flaskparser import FlaskParser

from service.api.bodies import read_json
from service.backend import Backend
from service.errors import (
    MOST_FAULTS,
    PROBLEM_JSON,
    Fault,
    InvalidRequest,
    ServiceError,
    TooBusy,
)
from service.schemas.problems import ProblemSchema

View = TypeVar("View", bound=Callable[..., Any])

EXTENSION = "shortlist"
API = "shortlist-api"
WAITERS = "shortlist-waiters"
UPLOADS = "shortlist-uploads"
BODIES = "shortlist-bodies"
SECONDS_FOR_A_SLOT = 1.0
UNKNOWN = "Unknown field."


def backend() -> Backend:
    """Return the backend that the app was made with."""
    found: Backend = current_app.extensions[EXTENSION]
    return found


def slots(threads: int) -> dict[str, threading.BoundedSemaphore]:
    """Return what keeps slow requests from taking every thread of a process."""
    return {
        name: threading.BoundedSemaphore(max(1, threads // 4))
        for name in (WAITERS, UPLOADS, BODIES)
    }


@contextmanager
def slot(name: str) -> Iterator[None]:
    """Hold a thread for a body that may come slowly; raise TooBusy where too many are held."""
    held: threading.BoundedSemaphore = current_app.extensions[name]
    if not held.acquire(timeout=SECONDS_FOR_A_SLOT):
        raise TooBusy("Too many bodies come in at once; try again", headers={"Retry-After": "2"})
    try:
        yield
    finally:
        held.release()


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


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # it comes without types
    """A group of operations. An operation's id is its view's name, its summary the docstring."""

    ARGUMENTS_PARSER = Parser()

    def route(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register a view, with its name as operationId."""
        register = super().route(rule, **options)

        def decorate(view: View) -> View:
            register(self.doc(operationId=view.__name__)(view))
            return view

        return decorate

    def fails(self, *kinds: type[ServiceError]) -> Callable[[View], View]:
        """Document the errors of an operation, each with an example."""

        def decorate(view: View) -> View:
            by_status: dict[int, list[type[ServiceError]]] = {}
            for kind in kinds:
                by_status.setdefault(kind.status, []).append(kind)
            for status, group in by_status.items():
                view = self.alt_response(
                    status,
                    schema=ProblemSchema,
                    content_type=PROBLEM_JSON,
                    description="; ".join((kind.__doc__ or "").strip() for kind in group),
                    examples={kind.code: {"value": example_of(kind)} for kind in group},
                )(view)
            return view

        return decorate


def example_of(kind: type[ServiceError]) -> dict[str, Any]:
    """Return what an error looks like to a client."""
    title = (kind.__doc__ or "").strip()
    return {**kind(title).problem(), "request_id": "8f14e45fceea467a9b3c2a1d0e5f6789"}


def dumped(schema: marshmallow.Schema, value: Any, status: int = 200) -> Response:
    """Return a value as a JSON answer in a schema's form."""
    return json_answer(schema.dump(value), status)


def json_answer(document: Any, status: int = 200) -> Response:
    """Return plain values as a JSON answer."""
    try:
        body = orjson.dumps(document)
    except TypeError:  # what orjson cannot say is said slower: no stored value spoils a listing
        body = json.dumps(document).encode()
    return Response(body + b"\n", status=status, content_type="application/json")
