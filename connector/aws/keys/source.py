"""The AWS keys of a profile, with which requests are signed."""

from __future__ import annotations

import _thread
import os
import time
from collections.abc import Callable, Mapping

from ...errors import ConnectorError, CredentialsError, StartAbandoned
from ...fast.logs import Logger
from ...fast.records import NamedTuple
from ...fast.typed import TYPE_CHECKING
from ..profile import Profile, load_profile, with_credentials

if TYPE_CHECKING:
    from ...sessions import StartProgress
    from ..light import Connect
    from .programwait import ProgramWait

#: Seconds before their end in which keys are replaced.
SPARE = 5 * 60

_BASE32 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")

#: ASCII characters that none of the three parts of a key has.
_NOT_IN_KEYS = frozenset(" '\"")

#: Variables that name files with profiles.
_FILE_VARIABLES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")

logger = Logger(__name__)


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


def account_in(key_id: str) -> str | None:
    """Return the number of the account that an access key id tells; None for an older id.

    The last 16 characters are Base32. Since 2019, the first bit is set, and the account's number is
    in the next 40 bits (Tal Be'ery, "A short note on AWS KEY ID").
    """
    letters = key_id[4:]
    if len(letters) != 16 or not _BASE32.issuperset(letters):
        return None
    number = 0
    for letter in letters:
        number = number << 5 | (ord(letter) - 65 if letter.isalpha() else ord(letter) - 24)
    account = number >> 39 & (1 << 40) - 1
    return f"{account:012}" if number >> 79 and account < 10**12 else None


def checked(keys: AwsKeys, whose: str) -> AwsKeys:
    """Return keys that can stand in the headers of a request.

    A copied line end is the usual fault, and quotes, which AWS's files do not have. A program
    may write anything.

    :param whose: see :attr:`KeySource.whose`.
    """
    whole = f"{keys.access_key_id}{keys.secret_key}{keys.session_token or ''}"
    if whole.isascii() and whole.isprintable() and _NOT_IN_KEYS.isdisjoint(whole):
        return keys
    raise CredentialsError(
        f"The AWS keys {whose} have a blank, a quote, a line end or another character that no "
        "key has",
        "Copy them again, without quotes",
    )


class KeySource:
    """The keys of a profile. They are kept, and replaced shortly before they expire.

    :param profile: the profile that applies, with the settings of the credentials file.
    :param environ: the variables of AWS's tools. botocore, which is asked in all cases but the
        plain ones, reads them from ``os.environ``.
    :param connect: opens the connections, with the user's CA certificates and proxy.
    :param named: whether the option ``--profile`` named the profile. Variables with keys then
        do not count.
    :param now: return the seconds since the epoch.
    :ivar profile: as given.
    """

    def __init__(
        self,
        profile: Profile,
        environ: Mapping[str, str],
        connect: Connect,
        *,
        named: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.profile = profile
        self._environ = environ
        self._connect = connect
        self._named = named
        self._now = now
        self._lock = _thread.allocate_lock()
        self._keys: AwsKeys | None = None
        self._failure: ConnectorError | None = None
        self._searches = 0
        self._loaded = self._refused = False
        self._wait: ProgramWait | None = None  # of the thread that searches

    def load(
        self, timeout: float, *, may_ask: bool = False, progress: StartProgress | None = None
    ) -> AwsKeys:
        """Return keys that have not expired.

        :param timeout: seconds for getting them, besides those of a user at a prompt and of a
            ``credential_process``, which may ask its user too.
        :param may_ask: whether the user is at a terminal though stdin is none any more.
        :param progress: of the start that needs the keys: shows the wait for a program.
        :raises NoKeys: when no source has any.
        :raises CredentialsError: when a source has expired, fails or is incomplete.
        :raises ConfigError: when the profile does not exist, or its settings are not usable.
        :raises StartAbandoned: when the start is not wanted any more.
        """
        deadline = time.monotonic() + timeout
        searches = self._searches
        if not self._enter(max(timeout, 0.0)):
            raise CredentialsError(
                f"The AWS keys {self.whose} did not come in time",
                "Try again",
            )
        try:
            if self._failure and self._searches > searches:
                # Another thread has just searched: the user is not asked for a code again.
                raise type(self._failure)(self._failure.message, self._failure.hint)
            return self._load(max(deadline - time.monotonic(), 0.1), may_ask, progress)
        finally:
            self._lock.release()

    def renew(self, used: AwsKeys) -> None:
        """Replace keys that have expired, as the service says. Others that came since stay."""
        with self._lock:
            if self._keys is not None and self._keys[:3] == used[:3]:
                self._keys, self._refused = None, True

    @property
    def whose(self) -> str:
        """Whose the keys are, for messages: "in the variables", "of the profile work"."""
        if self.are_of_variables:
            return "in the variables"
        return f"of the profile {self.profile.shown_name}"

    @property
    def are_of_variables(self) -> bool:
        """Whether variables give the keys. They come before all other sources."""
        return not self._named and bool(self._environ.get("AWS_ACCESS_KEY_ID"))

    @property
    def are_permanent(self) -> bool:
        """Whether the keys that were used last do not expire."""
        return self._keys is not None and self._keys.session_token is None

    @property
    def origin(self) -> str:
        """A text that differs between accounts and holds no secret. Caches use it as a key.

        It stays when the keys of an account or a profile are replaced by newer ones.
        """
        if self.are_of_variables:
            key_id = self._environ["AWS_ACCESS_KEY_ID"]
            account = account_in(key_id)
            return f"key {key_id}" if account is None else f"account {account}"
        files = [self._environ[name] for name in _FILE_VARIABLES if name in self._environ]
        return " of ".join([f"profile {self.profile.shown_name}", *files])

    def _enter(self, timeout: float) -> bool:
        """Wait until no other thread searches; return False if one takes too long."""
        if self._lock.acquire(timeout=timeout):
            return True
        if not (self._wait and self._wait.runs):
            return False
        from .programwait import TIMEOUT

        return self._lock.acquire(timeout=TIMEOUT)

    def _load(self, timeout: float, may_ask: bool, progress: StartProgress | None) -> AwsKeys:
        kept = self._keys
        if kept is not None and self._left(kept) > SPARE:
            return kept
        self._failure = None
        try:
            self._keys = checked(self._find(timeout, may_ask, progress), self.whose)
        except StartAbandoned:
            raise  # other threads search for themselves
        except ConnectorError as error:
            if kept is None or self._left(kept) <= 0:
                self._failure = error
                raise
            logger.info("using the AWS keys that expire soon: %s", error)
            return kept
        finally:
            self._searches += 1
        self._loaded, self._refused = True, False
        return self._keys

    def _left(self, keys: AwsKeys) -> float:
        """Return the seconds until keys expire; infinite if they do not, as far as is known."""
        return float("inf") if keys.expires_at is None else keys.expires_at - self._now()

    def _find(self, timeout: float, may_ask: bool, progress: StartProgress | None) -> AwsKeys:
        from .finder import Asked, Finder

        profile = self.profile
        if self._loaded:  # another program may have written new keys
            again = load_profile(profile.shown_name, self._environ)
            profile = with_credentials(again._replace(name=profile.name), self._environ)

        def new_wait() -> ProgramWait:
            from .programwait import ProgramWait

            self._wait = ProgramWait(progress)
            return self._wait

        asked = Asked(
            *(profile, self._environ, self._connect, self._named),
            *(not self._refused, new_wait, self._now),
        )
        # Later, a terminal may be in use by a shell.
        may_ask = not self._loaded and (may_ask or os.isatty(0))
        return Finder(asked, may_ask, timeout).find()
