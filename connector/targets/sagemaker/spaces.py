"""Spaces as the service describes them, their starts and stops, and what refusals mean."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from typing import Any

from ...aws.api import Refused
from ...aws.signed import SignedApi
from ...errors import ConfigError, ConnectorError, ConsentNeeded, RequestRefused, TargetNotReady
from ..model import FAILED, GONE, RUNNING, STARTING, STOPPED, STOPPING, Query, State
from ..parallel import for_all
from ..regional.backend import Found
from ..regional.pages import epoch_time, iso_time, items_of
from ..regional.refusals import said_by
from .names import place_of, space_of

#: The apps that have an SSH server, and the settings of a space about each.
SETTINGS = {"JupyterLab": "JupyterLabAppSettings", "CodeEditor": "CodeEditorAppSettings"}

#: A space without an app. The API has no word for it; this one is Studio's.
NO_APP = State("Stopped", "", STOPPED)

_OF_APP = {"Pending": STARTING, "InService": RUNNING, "Deleting": STOPPING}
_OF_SPACE = {"Pending": STARTING, "Updating": STARTING, "Deleting": GONE, "Failed": FAILED}

#: The option by which the user agrees to a change of the space's settings.
ENABLE = "enable-remote-access"

#: Instance types with less than 8 GiB of memory: those of AWS's guide to remote access.
_T3, _LARGE = ("ml.t3.micro", "ml.t3.small", "ml.t3.medium"), ("c5", "c6i", "c6id", "c7i")
TOO_SMALL = (*_T3, *(f"ml.{family}.large" for family in _LARGE))


def list_spaces(api: SignedApi, deadline: float) -> list[Found]:
    """Return the spaces of a Region whose apps have an SSH server. The clock is monotonic."""
    domains, spaces, apps = for_all(
        lambda kind: _items(api, kind, deadline), ("Domains", "Spaces", "Apps"), deadline
    )
    known = {domain["DomainId"]: domain for domain in domains}
    # The service lists deleted apps for a while.
    alive = (app for app in apps if app["Status"] != "Deleted")
    machines = {(app.get("DomainId"), app.get("SpaceName")): app for app in alive}
    found = []
    for space in spaces:
        domain, name = known.get(space["DomainId"]), space["SpaceName"]
        if domain is None or _settings(space).get("AppType") not in SETTINGS:
            continue
        arn = f"{domain['DomainArn'].rpartition(':')[0]}:space/{space['DomainId']}/{name}"
        labels = (name, domain["DomainName"] or space["DomainId"])
        each = Found(arn, labels, arn.split(":")[3], (f"{name}.{space['DomainId']}",))
        found.append(_described(each, space, machines.get((space["DomainId"], name))))
    return found


def _items(api: SignedApi, kind: str, deadline: float, **members: Any) -> list[dict[str, Any]]:
    return list(items_of(api, f"list_{kind.lower()}", kind, deadline, MaxResults=100, **members))


def look(api: SignedApi, found: Found, timeout: float) -> Found:
    """Return a space as the service describes it now.

    A name in lower case, as ssh makes it, may stand for one with capitals.

    :raises Refused: also when there is no such space.
    """
    deadline = time.monotonic() + timeout
    try:
        space = api.call("describe_space", timeout=timeout, **place_of(found.id))
    except Refused as refused:
        if refused.code != "ResourceNotFound" or not space_of(found.id).islower():
            raise
        listed = _items(api, "Spaces", deadline, DomainIdEquals=place_of(found.id)["DomainId"])
        names = {each["SpaceName"].lower(): each["SpaceName"] for each in listed}
        if space_of(found.id) not in names:
            raise
        name = names[space_of(found.id)]
        found = found._replace(id=f"{found.id.rpartition('/')[0]}/{name}")
        left = deadline - time.monotonic()
        space = api.call("describe_space", timeout=left, **place_of(found.id))
    app = app_of(api, found.id, _settings(space).get("AppType", ""), deadline)
    return _described(found, space, app)


def machine_of(api: SignedApi, found: Found, timeout: float) -> str:
    """Return the space with the time of its app's creation; empty if that is not told."""
    deadline = time.monotonic() + timeout
    app = app_of(api, found.id, found.details.get("appType", ""), deadline)
    if app is None or app["Status"] != "InService":  # it is of another type by now
        found = look(api, found, deadline - time.monotonic())
        created = found.details["appCreationTime"]
    else:
        created = iso_time(app.get("CreationTime"))
    return f"{found.id} since {created}" if created else ""


def app_of(api: SignedApi, arn: str, app_type: str, deadline: float) -> dict[str, Any] | None:
    """Return the last app of a space, which may be deleted; None where it never had one."""
    if app_type not in SETTINGS:
        return None
    left = deadline - time.monotonic()
    try:
        return api.call("describe_app", timeout=left, **app_in(arn, app_type))
    except Refused as refused:
        if refused.code != "ResourceNotFound":
            raise
        return None


def app_in(arn: str, app_type: str) -> dict[str, str]:
    """Return the members of a request that name the app of a space. Its name is always this."""
    return {**place_of(arn), "AppType": app_type, "AppName": "default"}


def _settings(space: Mapping[str, Any]) -> Mapping[str, Any]:
    return space.get("SpaceSettings") or space.get("SpaceSettingsSummary") or {}


def _described(found: Found, space: Mapping[str, Any], app: Mapping[str, Any] | None) -> Found:
    app, settings = app or {}, _settings(space)
    app_type = settings.get("AppType", "")
    chosen = settings.get(SETTINGS.get(app_type, ""), {}).get("DefaultResourceSpec", {})
    owner = space.get("OwnershipSettings") or space.get("OwnershipSettingsSummary") or {}
    details = {
        "appType": app_type,
        "remoteAccess": settings.get("RemoteAccess") == "ENABLED",
        "instanceType": (app.get("ResourceSpec") or chosen).get("InstanceType"),
        "owner": owner.get("OwnerUserProfileName"),
        "appCreationTime": iso_time(app.get("CreationTime")) or None,
    }
    state, started = _state_of(space, app, app_type), epoch_time(app.get("CreationTime"))
    return found._replace(state=state, details=details, started=started)


def _state_of(space: Mapping[str, Any], app: Mapping[str, Any], app_type: str) -> State:
    status = space.get("Status", "")
    if status in _OF_SPACE:
        return State(status, space.get("FailureReason", ""), _OF_SPACE[status])
    if app_type not in SETTINGS:
        return State("Stopped", f"only JupyterLab and CodeEditor have ssh, not {app_type}", FAILED)
    status = app.get("Status", "Deleted")
    if status == "Deleted":
        return NO_APP
    return State(status, app.get("FailureReason", ""), _OF_APP.get(status, FAILED))


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
        raise ConfigError(
            f"Space {place['SpaceName']} has {spec['InstanceType']}, too small for remote access",
            "It needs 8 GiB of memory: choose another type in SageMaker Studio",
        )
    app, left = app_in(found.id, app_type), deadline - time.monotonic()
    if settings.get("RemoteAccess") == "ENABLED":
        api.call("create_app", timeout=left, **app, **({"ResourceSpec": spec} if spec else {}))
        return
    if not query.flag(ENABLE):
        raise _consent(space_of(found.id), query)
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


def explain(refused: Refused, found: Found | None, query: Query) -> ConnectorError | None:
    """Return the error of a refused call, or None where the base has the words."""
    if found is None:
        return None
    space, said = space_of(found.id), said_by(refused)
    words = refused.message.lower() if refused.code == "ValidationException" else ""
    if refused.code == "ResourceInUse":
        return TargetNotReady(
            f"Space {space} is busy with another app or change{said}",
            "Try again in a minute, or look at its apps in SageMaker Studio",
        )
    if "does not have remote access" in words:
        return _consent(space, query)
    if "instance" in words or "image" in words:
        return RequestRefused(
            f"Space {space} does not suit remote access{said}",
            "It needs 8 GiB of memory, and an image of SageMaker Distribution 2.8 or later",
        )
    return None


def _consent(space: str, query: Query) -> ConsentNeeded:
    options = tuple(pair for pair in query.options if pair[0] != ENABLE)
    words = query._replace(options=options).words
    command = shlex.join(("connector", "start", f"--{ENABLE}", *words))
    return ConsentNeeded(
        f"Remote access to space {space} is off",
        f"`{command}` turns it on and restarts the space: unsaved work in it is lost",
        ENABLE,
        f"Remote access to space {space} is off. Turn it on? This restarts the space, and unsaved "
        "work in it is lost.",
    )
