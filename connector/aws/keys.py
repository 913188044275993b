"""The AWS keys of a profile, with which requests are signed."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import NoKeys
from ..fast.records import NamedTuple
from ..fast.typed import TYPE_CHECKING
from .profile import Profile

if TYPE_CHECKING:
    from .light import Connect


class AwsKeys(NamedTuple):
    """An access key with its secret.

    :param session_token: of temporary keys; None for keys that do not expire.
    :param expires_at: seconds since the epoch; None if unknown.
    """

    access_key_id: str
    secret_key: str
    session_token: str | None = None
    expires_at: float | None = None

    def __repr__(self) -> str:
        return f"AwsKeys(expires_at={self.expires_at})"


class KeySource:
    """The keys of a profile. They are kept, and replaced shortly before they expire.

    :param profile: the profile that applies.
    :param environ: the variables of AWS's tools.
    :param connect: opens the connections, with the user's CA certificates and proxy.
    :param named: whether the option ``--profile`` named the profile. Variables with keys then
        do not count.
    """

    def __init__(
        self,
        profile: Profile,
        environ: Mapping[str, str],
        connect: Connect,
        *,
        named: bool = False,
    ) -> None:
        self._profile = profile
        self._environ = environ
        self._connect = connect
        self._named = named
        self._keys: AwsKeys | None = None

    def load(self, timeout: float) -> AwsKeys:
        """Return keys that have not expired.

        :param timeout: seconds for getting them, besides the time of a user at a prompt.
        :raises NoKeys: when no source has any.
        :raises CredentialsError: when a source has expired, fails or is incomplete.
        :raises ConfigError: when the profile does not exist.
        """
        environ = self._environ
        key, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
        if not key or not secret:
            raise NoKeys("There are no AWS keys", "Run `aws configure`, or set AWS_PROFILE")
        return AwsKeys(key, secret, environ.get("AWS_SESSION_TOKEN") or None)

    def renew(self) -> None:
        """Forget the keys: the service says that they have expired."""
        self._keys = None

    @property
    def origin(self) -> str:
        """A text that differs between accounts and holds no secret. Caches use it as a key."""
        key = self._environ.get("AWS_ACCESS_KEY_ID")
        return f"key {key}" if key and not self._named else f"profile {self._profile.shown_name}"
