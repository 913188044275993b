"""The errors of the emulated REST APIs.

Names and statuses are those of botocore's models. "Unmodelled" errors are in no model, but AWS
sends them.
"""

from __future__ import annotations


class ApiError(Exception):
    """An HTTP answer with a status of 400 or above.

    :param message: text for the caller, without secrets.
    :param code: the error's name on the wire; by default the name of the class.
    :param status: the HTTP status; by default the status of the class: 400, as AWS's services with
        signed requests have it for most errors.
    """

    status = 400

    def __init__(self, message: str, code: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).__name__
        if status is not None:
            self.status = status

    def body(self) -> dict[str, str]:
        """Return the members of the JSON answer."""
        return {"message": self.message}


class ValidationException(ApiError):
    """The request is malformed, or the state of its object does not allow it."""


class ServiceQuotaExceededException(ApiError):
    """A limit of the account or its billing tier is reached."""

    status = 402


class AccessDeniedException(ApiError):
    """The caller is authenticated but lacks the permission."""

    status = 403


class ResourceNotFoundException(ApiError):
    """The request names an object that does not exist."""

    status = 404


class ConflictException(ApiError):
    """Another change of the same object is in progress."""

    status = 409


class ThrottlingException(ApiError):
    """Too many requests."""

    status = 429


class UnauthorizedException(ApiError):
    """The bearer token is missing, unknown, revoked or expired. Unmodelled."""

    status = 401


class UnknownOperationException(ApiError):
    """No operation has this method and path. Unmodelled."""

    status = 404


class InternalFailure(ApiError):
    """The service failed; botocore may retry. Unmodelled."""

    status = 500
