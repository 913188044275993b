"""The AWS CLI's cache of the temporary keys of roles: ``~/.aws/cli/cache``.

The names and the format of its files are those of botocore's ``CachedCredentialFetcher``, which the
AWS CLI uses: a role that one of the tools has assumed serves the others.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping

from ...fast.logs import Logger
from ...fast.typed import TYPE_CHECKING, Any
from ...files import FileProblem, make_directory_of, read_own_text, reason, write_private
from ..times import epoch_of

if TYPE_CHECKING:
    from datetime import datetime

    from .source import AwsKeys

#: Seconds before their end in which botocore takes no keys from the cache.
SPARE = 15 * 60

_NAMES = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")

logger = Logger(__name__)


class CliCache:
    """The cache as botocore's providers use it: a mapping of keys to entries.

    A file that cannot be read or written is no error: the role is assumed again.

    :param reads: whether entries are used. Without, roles are assumed again, and the new
        entries are written.
    """

    def __init__(self, reads: bool = True) -> None:
        self._reads = reads

    def __contains__(self, key: str) -> bool:
        return self._reads and _entry(key) is not None

    def __getitem__(self, key: str) -> dict[str, Any]:
        entry = _entry(key)
        if entry is None:
            raise KeyError(key)
        return entry

    def __setitem__(self, key: str, entry: Mapping[str, Any]) -> None:
        path = _path(key)
        try:
            make_directory_of(path)
            write_private(path, json.dumps(entry, default=_time_text))
        except OSError as error:
            logger.info("the keys of a role cannot be kept in %s (%s)", path, reason(error))


def cached_keys(key: str, now: float) -> AwsKeys | None:
    """Return the keys of an entry that botocore would use; None if it would get new ones.

    :param now: seconds since the epoch.
    """
    entry = _entry(key)
    if entry is None:
        return None
    from .source import AwsKeys

    key_id, secret, token, end = (entry["Credentials"][name] for name in _NAMES)
    expires_at = epoch_of(end)
    if expires_at is None or expires_at - now < SPARE:
        return None
    return AwsKeys(key_id, secret, token, expires_at)


def role_key(members: Mapping[str, Any]) -> str:
    """Return the key of the entry of a role that STS gives.

    :param members: of the call's input, but for a token, a code and a name that is made up.
    """
    return _digest(json.dumps(members, sort_keys=True))


def sso_key(role: str, account: str, session: str | None, start_url: str) -> str:
    """Return the key of the entry of a role that an SSO login gives.

    :param session: the name of the ``[sso-session]``; None for a profile of the old form.
    """
    members = {"roleName": role, "accountId": account}
    members |= {"sessionName": session} if session else {"startUrl": start_url}
    return _digest(json.dumps(members, sort_keys=True, separators=(",", ":")))


def _entry(key: str) -> dict[str, Any] | None:
    """Return an entry that has all members of temporary keys, or None."""
    try:
        entry = json.loads(read_own_text(_path(key)))
        found = entry["Credentials"]
        valid = all(isinstance(found[name], str) and found[name] for name in _NAMES)
    except (FileNotFoundError, FileProblem, ValueError, LookupError, TypeError, RecursionError):
        return None
    return entry if valid else None


def _path(key: str) -> str:
    return os.path.join(os.path.expanduser("~"), ".aws", "cli", "cache", f"{key}.json")


def _digest(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _time_text(value: datetime) -> str:
    """Return a time as the AWS CLI writes it."""
    return value.strftime("%Y-%m-%dT%H:%M:%S%Z")
