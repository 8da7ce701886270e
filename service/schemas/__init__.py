"""The wire format: what a request may say, what an answer looks like. Only here: marshmallow."""
