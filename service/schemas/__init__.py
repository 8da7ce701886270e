"""The wire format: what a request may say, and what an answer looks like. Only here: marshmallow."""
