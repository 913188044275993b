"""The names of targets that AWS has no list of: a word for the service, a colon, and a place.

``scp`` and ``ssh`` end a host name at a colon, and some programs at a slash. So each target has a
second name, with a dot for the colon and an underscore for the slash. The ProxyCommand imports
this module, so it does without regular expressions.
"""

from __future__ import annotations

from ..regional.place import read_arn

#: Targets of ssm:StartSession.
SSM_WORDS = ("sagemaker-cluster", "sagemaker-training-job", "sagemaker-endpoint", "codebuild")

#: Stream sessions, which an API of their own opens.
STREAMS = "gameliftstreams"

_LONGEST = 400  # characters of a target, by botocore's model of ssm:StartSession


def target_of(name: str) -> tuple[str, str] | None:
    """Return a target as its service calls it, and the Region that the name tells; else None.

    A stream session is ``gameliftstreams:<group>/<session>``.
    """
    if arn := read_arn(name, STREAMS, "streamsession"):
        region, rest = arn
        return (f"{STREAMS}:{rest}", region) if _is_stream(rest) else None
    word, colon, rest = name.partition(":")
    if not colon:
        word, _, rest = name.partition(".")
    if word == STREAMS:
        rest = rest if colon else rest.replace("_", "/", 1)
        return (f"{word}:{rest}", "") if _is_stream(rest) else None
    plain = rest.replace("-", "").replace("_", "")
    whole = f"{word}:{rest}"
    if word not in SSM_WORDS or not plain.isalnum() or not whole.isascii():
        return None
    return (whole, "") if len(whole) <= _LONGEST else None


def host_of(target: str) -> str:
    """Return the name of a target that has neither a colon nor a slash."""
    return target.replace(":", ".", 1).replace("/", "_", 1)


def stream_of(target: str) -> tuple[str, str] | None:
    """Return the stream group and the session of a target; None for a target of another kind."""
    word, _, rest = target.partition(":")
    group, _, session = rest.partition("/")
    return (group, session) if word == STREAMS else None


def _is_stream(text: str) -> bool:
    """Return whether text is a group and a session, each with the characters of such ids."""
    group, slash, session = text.partition("/")
    return bool(slash) and all(
        part.replace("-", "").isalnum() and part.isascii() for part in (group, session)
    )
