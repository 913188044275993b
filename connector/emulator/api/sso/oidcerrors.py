"""The errors of SSO-OIDC. Source: botocore's model ``sso-oidc/2019-06-10``."""

from __future__ import annotations

from ..errors import ApiError


class OidcError(ApiError):
    """An error with the members of RFC 6749. ``error`` is its code there."""

    status = 400
    error = ""

    def body(self) -> dict[str, str]:
        """Return the members of the JSON answer."""
        return {"error": self.error, "error_description": self.message}


class InvalidRequestException(OidcError):
    """A member is missing or malformed."""

    error = "invalid_request"


class InvalidClientException(OidcError):
    """The client is unknown, its secret is wrong, or its registration has expired."""

    status = 401
    error = "invalid_client"


class InvalidClientMetadataException(OidcError):
    """The service does not register clients of this type."""

    error = "invalid_client_metadata"


class InvalidRedirectUriException(OidcError):
    """The service does not redirect to this address."""

    error = "invalid_redirect_uri"


class UnauthorizedClientException(OidcError):
    """The client is not registered for this grant type."""

    error = "unauthorized_client"


class InvalidGrantException(OidcError):
    """The grant is unknown, used, another client's, or its proof is wrong."""

    error = "invalid_grant"


class ExpiredTokenException(OidcError):
    """The grant has expired."""

    error = "expired_token"


class AuthorizationPendingException(OidcError):
    """The user has not decided yet."""

    error = "authorization_pending"


class SlowDownException(OidcError):
    """The client polls more often than the interval allows."""

    error = "slow_down"


class AccessDeniedException(OidcError):
    """The user has denied the request."""

    error = "access_denied"


class UnsupportedGrantTypeException(OidcError):
    """The service does not know the grant type."""

    error = "unsupported_grant_type"


class InternalServerException(OidcError):
    """The service failed. Only tests send this error."""

    status = 500
    error = "server_error"
