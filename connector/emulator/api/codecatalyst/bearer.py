"""The bearer tokens that the API takes, and whom each speaks for."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import UnauthorizedException


class BearerTokens:
    """Tokens may be added, expire, and be revoked while the service runs.

    :param now: the clock, in seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._tokens: dict[str, tuple[str, float | None]] = {}

    def accept(self, token: str, user_id: str, expires_at: float | None = None) -> None:
        """Take ``token`` as ``user_id``'s, until ``expires_at`` (seconds since the epoch)."""
        self._tokens[token] = (user_id, expires_at)

    def revoke(self, token: str) -> None:
        """Take ``token`` no more.

        :raises KeyError: when it was never taken.
        """
        del self._tokens[token]

    def authenticate(self, authorization: str | None) -> str:
        """The id of the user whom an ``Authorization`` header speaks for.

        :raises UnauthorizedException: when it holds no bearer token that is taken now.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise UnauthorizedException("The request has no bearer token")
        user_id, expires_at = self._tokens.get(token.strip(), ("", None))
        if not user_id:
            raise UnauthorizedException("The bearer token is invalid")
        if expires_at is not None and self._now() >= expires_at:
            raise UnauthorizedException("The bearer token has expired")
        return user_id
