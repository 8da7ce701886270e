"""What is wrong with a request, or with the moment in which it came."""

from service.errors.error import ServiceError


class InvalidRequest(ServiceError):
    """The request makes no sense as it is"""

    status, code = 422, "invalid_request"


class MalformedBody(ServiceError):
    """The body cannot be read"""

    status, code = 400, "malformed_body"


class Unauthorized(ServiceError):
    """A key is needed"""

    status, code = 401, "unauthorized"


class Forbidden(ServiceError):
    """The key is not good for this"""

    status, code = 403, "forbidden"


class MethodNotAllowed(ServiceError):
    """This resource has no such method"""

    status, code = 405, "method_not_allowed"


class NotAcceptable(ServiceError):
    """There is no such form of this"""

    status, code = 406, "not_acceptable"


class UnsupportedFormat(ServiceError):
    """This format is not taken here"""

    status, code = 415, "unsupported_format"


class LengthRequired(ServiceError):
    """The length of the body must be known"""

    status, code = 411, "length_required"


class TooLarge(ServiceError):
    """A limit was passed"""

    status, code = 413, "too_large"


class TooBusy(ServiceError):
    """Too much is waiting already"""

    status, code = 429, "too_busy"


class Unavailable(ServiceError):
    """A part of the service cannot be reached now"""

    status, code = 503, "unavailable"


class Conflict(ServiceError):
    """The resource is in another state"""

    status, code = 409, "conflict"


class UploadRefused(ServiceError):
    """The upload was not taken"""

    status, code = 422, "upload_refused"


class DuplicateItem(UploadRefused):
    """An item id is in the pool already, or twice in the upload"""

    code = "duplicate_item"


class ModelRefused(ServiceError):
    """The model was not taken"""

    status, code = 422, "model_refused"
