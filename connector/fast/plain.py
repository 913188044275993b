"""Read what AWS's tools write in its usual form, without configparser, shlex, re and datetime.

A connection with an SSO login reads the AWS configuration file and the time at which the token
expires. Each function reads the usual form only; for any other text the caller uses the library.

Saves 4 ms of CPU time a connection with an SSO login: ``python -m benchmarks.tricks plain``.
"""

from __future__ import annotations

#: The days of each month, the leap day left out.
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


#: The digits of an id of a machine in the old form, and in the new one.
SHORT, _LONG = 8, 17

_HEXADECIMAL = "0123456789abcdef"


def is_uuid(text: str) -> bool:
    """Return whether text has the form of a UUID, in any case."""
    parts = text.lower().split("-")
    return [*map(len, parts)] == [8, 4, 4, 4, 12] and not "".join(parts).strip(_HEXADECIMAL)


def is_id(name: str, prefix: str) -> bool:
    """Return whether a name is a prefix with 8 or 17 hexadecimal digits, in any case.

    AWS's ids of machines look so: a digest of 32 bits in the old form, of 68 bits in the new.
    """
    digits = name[len(prefix) :].lower()
    return (
        len(digits) in (SHORT, _LONG)
        and not digits.strip(_HEXADECIMAL)
        and name[: len(prefix)].lower() == prefix
    )


def sections(content: bytes) -> dict[str, dict[str, str]] | None:
    """Return the sections of a configuration file by their headers, as RawConfigParser does.

    :returns: None for a file that is not plain: one with errors, indented lines, words behind a
        header, a section DEFAULT, or characters that are not ASCII.
    """
    if not content.isascii():
        return None
    found: dict[str, dict[str, str]] = {}
    section: dict[str, str] | None = None
    for line in content.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        text = line.strip()
        if not text or text[0] in "#;":
            continue
        if line[0].isspace():
            return None
        if text[0] == "[":
            header = text[1:-1]
            if text[-1] != "]" or not header or "]" in header:
                return None
            if header in found or header == "DEFAULT":
                return None
            section = found[header] = {}
            continue
        ends = [text.find(delimiter) for delimiter in "=:" if delimiter in text]
        name = text[: min(ends)].rstrip().lower() if ends else ""
        if section is None or not name or name in section:
            return None
        section[name] = text[min(ends) + 1 :].strip()
    return found


def words(header: str) -> list[str] | None:
    """Return the words of a header as ``shlex.split`` does, or None if it has any quotes."""
    if not header.isprintable() or any(quote in header for quote in "\"'\\"):
        return None
    return header.split()


def command(arguments: tuple[str, ...]) -> str | None:
    """Return a line for a shell as ``shlex.join`` does, or None if a word may need quotes."""
    if all(word.isascii() and word.replace("-", "a").isalnum() for word in arguments):
        return " ".join(arguments)
    return None


def time(text: str) -> float | None:
    """Return the seconds since the epoch of a time such as ``2026-11-30T08:00:00Z``.

    :returns: None for any other form, and for a leap day, which needs a calendar.
    """
    if len(text) != 20 or text[4::3] != "--T::Z":
        return None
    digits = (text[:4], *(text[start : start + 2] for start in (5, 8, 11, 14, 17)))
    if not text.isascii() or not all(map(str.isdigit, digits)):
        return None
    year, month, day, hour, minute, second = map(int, digits)
    if not (1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]):
        return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    # The year begins in March, so that a leap day is its last day.
    year, month = (year, month - 3) if month > 2 else (year - 1, month + 9)
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 + day - 1
    return ((days - 719_468) * 24 + hour) * 3600.0 + minute * 60 + second
