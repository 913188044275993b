"""The errors of SSO-OIDC, as botocore's model ``sso-oidc/2019-06-10`` has them."""

from __future__ import annotations

from ..errors import ApiError


class OidcError(ApiError):
    """An error with the members that RFC 6749 names; ``error`` is its short name there."""

    status = 400
    error = ""

    def body(self) -> dict[str, str]:
        """The members of the JSON answer."""
        return {"error": self.error, "error_description": self.message}


class InvalidRequestException(OidcError):
    """A member is missing or malformed."""

    error = "invalid_request"


class InvalidClientException(OidcError):
    """The client is unknown, its secret is wrong, or its registration has expired."""

    status = 401
    error = "invalid_client"


class InvalidClientMetadataException(OidcError):
    """A client of this kind cannot be registered."""

    error = "invalid_client_metadata"


class InvalidRedirectUriException(OidcError):
    """A client may not be sent there."""

    error = "invalid_redirect_uri"


class UnauthorizedClientException(OidcError):
    """The client was not registered for this way to get a token."""

    error = "unauthorized_client"


class InvalidGrantException(OidcError):
    """What was given for a token is unknown, used up, another client's, or has no proof."""

    error = "invalid_grant"


class ExpiredTokenException(OidcError):
    """What was given for a token has expired."""

    error = "expired_token"


class AuthorizationPendingException(OidcError):
    """The user has not decided yet."""

    error = "authorization_pending"


class SlowDownException(OidcError):
    """The client asks more often than it was told to."""

    error = "slow_down"


class AccessDeniedException(OidcError):
    """The user said no."""

    error = "access_denied"


class UnsupportedGrantTypeException(OidcError):
    """No such way to get a token."""

    error = "unsupported_grant_type"


class InternalServerException(OidcError):
    """SSO failed; for tests to have it answered."""

    status = 500
    error = "server_error"
