"""Spaces as the service describes them: their states, and what is shown of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ...aws.api import Refused
from ...aws.signed import SignedApi
from ..model import FAILED, GONE, RUNNING, STARTING, STOPPED, STOPPING, State
from ..parallel import for_all
from ..regional.backend import Found
from ..regional.pages import iso_time, items_of
from .names import place_of, space_of

#: The apps that have an SSH server, and the settings of a space about each.
SETTINGS = {"JupyterLab": "JupyterLabAppSettings", "CodeEditor": "CodeEditorAppSettings"}

#: A space without an app. The API has no word for it; this one is Studio's.
NO_APP = State("Stopped", "", STOPPED)

_OF_APP = {"Pending": STARTING, "InService": RUNNING, "Deleting": STOPPING}
_OF_SPACE = {"Pending": STARTING, "Updating": STARTING, "Deleting": GONE, "Failed": FAILED}


def list_spaces(api: SignedApi, deadline: float) -> list[Found]:
    """Return the spaces of a Region whose apps have an SSH server.

    :param deadline: on the clock of ``time.monotonic``.
    """
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
        name = names.get(space_of(found.id))
        if name is None:
            raise
        found = found._replace(id=f"{found.id.rpartition('/')[0]}/{name}")
        left = deadline - time.monotonic()
        space = api.call("describe_space", timeout=left, **place_of(found.id))
    app = app_of(api, found.id, _settings(space).get("AppType", ""), deadline)
    return _described(found, space, app)


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
    created = app.get("CreationTime") and iso_time(app["CreationTime"])
    details = {
        "appType": app_type,
        "remoteAccess": settings.get("RemoteAccess") == "ENABLED",
        "instanceType": (app.get("ResourceSpec") or chosen).get("InstanceType"),
        "owner": owner.get("OwnerUserProfileName"),
        "appCreationTime": created,
    }
    return found._replace(state=_state_of(space, app, app_type), details=details)


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
