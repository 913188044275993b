"""Start and stop of a space, and what refusals mean to its user."""

from __future__ import annotations

import shlex
import time

from ...aws.api import Refused
from ...aws.signed import SignedApi
from ...errors import (
    ConfigError,
    ConnectorError,
    ConsentNeeded,
    RequestRefused,
    TargetNotReady,
)
from ..model import Query, State
from ..regional.backend import Found
from ..regional.refusals import said_by
from .names import place_of, space_of
from .spaces import NO_APP, SETTINGS, app_in, app_of, look

#: The option by which the user agrees to a change of the space's settings.
ENABLE = "enable-remote-access"

#: Instance types with less than 8 GiB of memory: those of AWS's guide to remote access.
_T3, _LARGE = ("ml.t3.micro", "ml.t3.small", "ml.t3.medium"), ("c5", "c6i", "c6id", "c7i")
TOO_SMALL = (*_T3, *(f"ml.{family}.large" for family in _LARGE))


def start(api: SignedApi, found: Found, query: Query, timeout: float) -> None:
    """Ask for the next step of a start.

    Remote access can be turned on only while the space has no app. So an app that runs is deleted
    first, if the user agreed.

    :raises Refused: with the status 409 when a step before the last one is under way.
    :raises ConnectorError: when the space cannot be started as it is.
    """
    deadline = time.monotonic() + timeout
    place = place_of(found.id)
    settings = api.call("describe_space", timeout=timeout, **place).get("SpaceSettings", {})
    app_type = settings.get("AppType", "")
    spec = settings.get(SETTINGS.get(app_type, ""), {}).get("DefaultResourceSpec", {})
    if spec.get("InstanceType") in TOO_SMALL:
        instance = spec["InstanceType"]
        raise ConfigError(
            f"Space {space_of(found.id)} has an {instance}, too small for remote access",
            "It needs 8 GiB of memory: choose another type in SageMaker Studio",
        )
    app, left = app_in(found.id, app_type), deadline - time.monotonic()
    if settings.get("RemoteAccess") == "ENABLED":
        api.call("create_app", timeout=left, **app, **({"ResourceSpec": spec} if spec else {}))
        return
    if not query.flag(ENABLE):
        raise _consent(space_of(found.id), query.words)
    last = app_of(api, found.id, app_type, deadline)
    left = deadline - time.monotonic()
    if last is None or last["Status"] == "Deleted":
        api.call("update_space", timeout=left, **place, SpaceSettings={"RemoteAccess": "ENABLED"})
    elif last["Status"] != "Deleting":
        api.call("delete_app", timeout=left, **app)
    raise Refused(409, "ResourceInUse", "remote access is being turned on")


def stop(api: SignedApi, found: Found, timeout: float) -> State:
    """Delete the app of a space, and return the state that this led to."""
    deadline = time.monotonic() + timeout
    found = look(api, found, timeout)
    if found.state == NO_APP:
        return NO_APP
    left = deadline - time.monotonic()
    api.call("delete_app", timeout=left, **app_in(found.id, found.details["appType"]))
    return look(api, found, deadline - time.monotonic()).state


def explain(refused: Refused, found: Found | None) -> ConnectorError | None:
    """Return the error of a refused call, or None where the base has the words."""
    if found is None:
        return None
    space, said, words = space_of(found.id), said_by(refused), refused.message.lower()
    if refused.code == "ResourceInUse":
        return TargetNotReady(
            f"Space {space} is busy with another app or change{said}",
            "Try again in a minute, or look at its apps in SageMaker Studio",
        )
    if refused.code != "ValidationException":
        return None
    if "does not have remote access" in words:
        return _consent(space, (found.id,))
    if "instance" in words or "image" in words:
        return RequestRefused(
            f"Space {space} does not suit remote access{said}",
            "It needs 8 GiB of memory, and an image of SageMaker Distribution 2.8 or later",
        )
    return None


def _consent(space: str, words: tuple[str, ...]) -> ConsentNeeded:
    command = shlex.join(("connector", "start", f"--{ENABLE}", *words))
    lost = "restarts it, and unsaved work in it is lost"
    return ConsentNeeded(
        f"Remote access to space {space} is off",
        f"`{command}` turns it on, {lost}",
        ENABLE,
        f"Remote access to space {space} is off. Turning it on {lost}. Turn it on?",
    )
