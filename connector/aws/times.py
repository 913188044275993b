"""Times as AWS's tools write them into files, and as their programs and endpoints answer."""

from __future__ import annotations

from ..fast import plain

#: Year, month, day; hour, minute, second; sign, hours and minutes of the zone. Decimals of a
#: second are dropped, so a token ends a moment early.
_TIME = (
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):?([0-9]{2})(?::?([0-9]{2})(?:[.,][0-9]+)?)?)?"
    r" *(?:[Zz]|UTC|GMT|([+-])([0-9]{2}):?([0-9]{2})?)?"
)

#: Endings of the usual form besides ``Z``, which the AWS CLI and botocore write.
_UTC = ("UTC", "+00:00")


def epoch_of(text: str) -> float | None:
    """Return the seconds since the epoch of a time in any form that AWS's tools write, or None.

    These are ISO 8601 and HTTP dates, which botocore reads too. ISO 8601 may have any number
    of decimals, lack separators, and end in ``Z``, ``UTC``, an offset or nothing (UTC).
    """
    ending = next((each for each in _UTC if text.endswith(each)), None)
    known = plain.time(text if ending is None else f"{text.removesuffix(ending)}Z")
    if known is not None:
        return known
    import re
    from datetime import datetime, timedelta, timezone

    # Python 3.10's fromisoformat reads neither Z nor other decimals than three or six.
    match = re.fullmatch(_TIME, text.strip())
    try:
        if match is None:
            from email.utils import parsedate_to_datetime

            time = parsedate_to_datetime(text)
            return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp()
        *numbers, sign, hours, minutes = match.groups(default="0")
        year, month, day, hour, minute, second = map(int, numbers)
        time = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
        ahead = timedelta(hours=int(hours), minutes=int(minutes)).total_seconds()
        return time.timestamp() + (ahead if sign == "-" else -ahead)
    except (ValueError, TypeError, LookupError, OverflowError):
        return None


def format_time(epoch: float) -> str:
    """Return a time as botocore and the AWS CLI write it."""
    from datetime import datetime, timezone

    return datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
