"""The bearer tokens that APIs accept, and the user of each."""

from __future__ import annotations

from collections.abc import Callable

from .errors import UnauthorizedException


class BearerTokens:
    """Tokens with their users and expiry times. They may be added and revoked at any time.

    :param now: the clock, in seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._tokens: dict[str, tuple[str, float | None]] = {}

    def accept(self, token: str, user_id: str, expires_at: float | None = None) -> None:
        """Accept ``token`` for ``user_id`` until ``expires_at`` (seconds since the epoch)."""
        self._tokens[token] = (user_id, expires_at)

    def revoke(self, token: str) -> None:
        """Reject ``token`` from now on.

        :raises KeyError: if it was never accepted.
        """
        del self._tokens[token]

    def authenticate(self, authorization: str | None) -> str:
        """Return the id of the user of an ``Authorization`` header's token.

        :raises UnauthorizedException: if the header has no bearer token that is valid now.
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
