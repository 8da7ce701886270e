"""The service's own state on the wire."""

from marshmallow import Schema, fields


class StateSchema(Schema):
    """A state in one word."""

    state = fields.String(required=True)


class LimitSchema(Schema):
    """One limit."""

    value = fields.Integer(required=True)
    meaning = fields.String(required=True)


class LimitsSchema(Schema):
    """Every limit by name."""

    limits = fields.Dict(keys=fields.String(), values=fields.Nested(LimitSchema), required=True)
