"""The errors that the emulated APIs answer with, as the service's model has them.

Source of names and statuses: botocore's model ``codecatalyst/2022-09-28``; every one of
its operations lists the same six. The others are unmodelled, but are answered by AWS.
"""

from __future__ import annotations


class ApiError(Exception):
    """An HTTP answer of 400 or above.

    :param message: what the caller reads; never holds a secret.
    :param code: the error's name on the wire, by default that of the class.
    :param status: the HTTP status, by default that of the class.
    """

    status = 500

    def __init__(self, message: str, code: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).__name__
        if status is not None:
            self.status = status

    def body(self) -> dict[str, str]:
        """The members of the JSON answer."""
        return {"message": self.message}


class ValidationException(ApiError):
    """The request is wrong in itself, or at odds with the state of what it names."""

    status = 400


class ServiceQuotaExceededException(ApiError):
    """A limit of the space or its billing tier."""

    status = 402


class AccessDeniedException(ApiError):
    """The caller is known and may not do this."""

    status = 403


class ResourceNotFoundException(ApiError):
    """There is no such space, project, Dev Environment, session or user."""

    status = 404


class ConflictException(ApiError):
    """Another change of the same Dev Environment is under way."""

    status = 409


class ThrottlingException(ApiError):
    """Too many requests."""

    status = 429


class UnauthorizedException(ApiError):
    """No bearer token, or one that is unknown, revoked or expired. Unmodelled."""

    status = 401


class UnknownOperationException(ApiError):
    """No operation has this method and path. Unmodelled."""

    status = 404


class InternalFailure(ApiError):
    """The service failed, and botocore may try again. Unmodelled."""

    status = 500
