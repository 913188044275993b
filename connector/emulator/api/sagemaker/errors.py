"""The errors of the emulated SageMaker, by their names in botocore's model."""

from __future__ import annotations

from ..errors import ApiError


class ResourceNotFound(ApiError):
    """The request names an object that does not exist."""

    status = 400


class ResourceInUse(ApiError):
    """The object is in use, or exists already."""

    status = 400


class ValidationException(ApiError):
    """The request is malformed, or the state of its object does not allow it. Unmodelled."""

    status = 400


class InternalFailure(ApiError):
    """The service failed; botocore may retry. Unmodelled."""

    status = 500
