"""Fields that take JSON at its word: 3.9 is no integer, "7" is no number, "yes" is no boolean."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import marshmallow
from marshmallow import fields, validate

PLAIN_DIGITS = re.compile(r"-?[0-9]{1,18}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Integer(fields.Integer):
    """A JSON integer."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        del attr, data, kwargs
        if type(value) is not int:
            raise marshmallow.ValidationError("Not an integer.")
        return value


class QueryInteger(fields.Integer):
    """An integer in a query string, in plain digits."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> int:
        del attr, data, kwargs
        if not PLAIN_DIGITS.fullmatch(str(value)):
            raise marshmallow.ValidationError("Not an integer.")
        return int(value)


class Number(fields.Float):
    """A finite JSON number."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> float:
        del attr, data, kwargs
        if type(value) not in (int, float):
            raise marshmallow.ValidationError("Not a number.")
        try:
            return float(value)
        except OverflowError:
            raise marshmallow.ValidationError("Too large a number.") from None


class ShortList(fields.List[Any]):
    """A list that is counted before its members are looked at: each of them takes a while."""

    def __init__(
        self, inner: Any, *, shortest: int | None = None, longest: int, **options: Any
    ) -> None:
        super().__init__(inner, validate=validate.Length(shortest, longest), **options)
        self.longest = longest

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, list) and len(value) > self.longest:
            raise marshmallow.ValidationError(f"Longer than maximum length {self.longest}.")
        return super()._deserialize(value, attr, data, **kwargs)


class NumberList(fields.Raw):
    """A list of finite numbers, or of rows of them, checked as a whole: a field per number is a
    hundred times slower."""

    def __init__(self, depth: int, longest: int, bounds: Sequence[Any], **options: Any) -> None:
        super().__init__(**options)
        self.depth, self.longest, self.bounds = depth, longest, bounds

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        del attr, data, kwargs
        return self.numbers(value, self.depth)

    def numbers(self, value: Any, depth: int) -> list[Any]:
        """Return a list as floats; raise for what is none, with its place."""
        if not isinstance(value, list):
            raise marshmallow.ValidationError("Not a list of numbers.")
        if len(value) > self.longest:
            raise marshmallow.ValidationError(f"Longer than maximum length {self.longest}.")
        found = []
        for place, each in enumerate(value):
            try:
                found.append(self.numbers(each, depth - 1) if depth > 1 else self.number(each))
            except marshmallow.ValidationError as error:
                raise marshmallow.ValidationError({place: error.messages}) from None
        return found

    def number(self, value: Any) -> float:
        """Return a finite number within the bounds as a float."""
        if type(value) not in (int, float):
            raise marshmallow.ValidationError("Not a number.")
        for bound in self.bounds:
            bound(value)
        return float(value)


class Boolean(fields.Boolean):
    """A JSON boolean."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> bool:
        del attr, data, kwargs
        if type(value) is not bool:
            raise marshmallow.ValidationError("Not a boolean.")
        return value


class QueryBoolean(fields.Boolean):
    """`true` or `false` in a query string."""

    def __init__(self, **options: Any) -> None:
        super().__init__(truthy={"true"}, falsy={"false"}, **options)


class Scalar(fields.Raw):
    """A string, a finite number or a boolean."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        del attr, data, kwargs
        if not isinstance(value, str | int | float | bool):
            raise marshmallow.ValidationError("Not a string, number or boolean.")
        return value


class Ids(fields.List[str]):
    """A list of item ids, checked as a whole: a field per string is ten times slower."""

    def __init__(self, **options: Any) -> None:
        super().__init__(fields.String(), **options)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        del attr, data, kwargs
        if not isinstance(value, list):
            raise marshmallow.ValidationError("Not a list of ids.")
        if set(map(type, value)) <= {str}:
            return value
        for place, item in enumerate(value):
            problem = fault_of(item)
            if problem:
                raise marshmallow.ValidationError({place: [problem]})
        return value


def fault_of(item: Any) -> str | None:
    """Return why a value can be no id, or None."""
    if isinstance(item, str):
        return None
    return "Not a string; an id is sent as the string it was uploaded as."
