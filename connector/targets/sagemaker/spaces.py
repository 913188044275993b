"""Spaces as the service describes them, their starts and stops, and what refusals mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...aws.api import Refused
from ...errors import ConfigError, ConnectorError, ConsentNeeded, RequestRefused
from ..model import FAILED, GONE, RUNNING, STARTING, STOPPED, STOPPING, Query, State
from ..pages import epoch_time, iso_time
from ..refusals import said_by
from ..regional.backend import Found
from ..regional.targets import Targets
from ..registry import SAGEMAKER
from .api import SERVICE
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


class Spaces(Targets):
    """The spaces of a Region. Their ids are ARNs."""

    service = SERVICE
    states = (NO_APP.status, *_OF_APP, *_OF_SPACE)

    def listed(self) -> list[Found]:
        """Return the spaces whose apps have an SSH server."""
        domains, spaces, apps = self.in_parallel(self._all, ("Domains", "Spaces", "Apps"))
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

    def look(self, found: Found, query: Query | None = None) -> Found:
        """Return a space as the service describes it now.

        A name in lower case, as ssh makes it, may stand for one with capitals.
        """
        try:
            space = self.call("describe_space", **place_of(found.id))
        except Refused as refused:
            domain, name = place_of(found.id).values()
            if refused.code != "ResourceNotFound" or not name.islower():
                raise
            names = (each["SpaceName"] for each in self._all("Spaces", DomainIdEquals=domain))
            named = next((each for each in names if each.lower() == name), name)
            if named == name:
                raise
            found = found._replace(id=f"{found.id.rpartition('/')[0]}/{named}")
            space = self.call("describe_space", **place_of(found.id))
        return _described(found, space, self._app(found.id, _settings(space).get("AppType", "")))

    def start(self, found: Found, query: Query) -> None:
        """Ask for the next step of a start.

        Remote access can be turned on only while the space has no app. So an app that runs is
        deleted first, if the user agreed.

        :raises Refused: with the status 409 when a step before the last one is under way.
        :raises ConnectorError: when the space cannot be started as it is.
        """
        place = place_of(found.id)
        settings = _settings(self.call("describe_space", **place))
        app_type = settings.get("AppType", "")
        spec = _spec(settings)
        if spec.get("InstanceType") in TOO_SMALL:
            raise ConfigError(
                f"Space {place['SpaceName']} has {spec['InstanceType']}, too small for remote "
                "access",
                "It needs 8 GiB of memory: choose another type in SageMaker Studio",
            )
        app = _app_in(found.id, app_type)
        if settings.get("RemoteAccess") == "ENABLED":
            self.call("create_app", **app, **({"ResourceSpec": spec} if spec else {}))
            return
        if not query.flag(ENABLE):
            raise _consent(place["SpaceName"], query)
        last = (self._app(found.id, app_type) or {}).get("Status", "Deleted")
        if last == "Deleted":
            self.call("update_space", **place, SpaceSettings={"RemoteAccess": "ENABLED"})
        elif last != "Deleting":
            self.call("delete_app", **app)
        raise Refused(409, "ResourceInUse", "remote access is being turned on")

    def stop(self, found: Found) -> State:
        """Delete the app of a space, and return the state that this led to."""
        found = self.look(found)
        if found.state == NO_APP:
            return NO_APP
        self.call("delete_app", **_app_in(found.id, found.details["appType"]))
        return self.look(found).state

    def machine_of(self, found: Found) -> str:
        """Return the space with the time of its app's creation; empty if that is not told."""
        app = self._app(found.id, found.details.get("appType", ""))
        if app is None or app["Status"] != "InService":  # it is of another type by now
            created = self.look(found).details["appCreationTime"]
        else:
            created = iso_time(app.get("CreationTime"))
        return f"{found.id} since {created}" if created else ""

    @staticmethod
    def explain(refused: Refused, what: str, found: Found, query: Query) -> ConnectorError | None:
        space, said = space_of(found.id), said_by(refused)
        words = refused.message.lower() if refused.code == "ValidationException" else ""
        if "does not have remote access" in words:
            return _consent(space, query)
        if "instance" in words or "image" in words:
            return RequestRefused(
                f"Space {space} does not suit remote access{said}",
                "It needs 8 GiB of memory, and an image of SageMaker Distribution 2.8 or later",
            )
        return None

    @staticmethod
    def advice(found: Found, query: Query) -> str:
        if found.state.status != "Failed" or not found.details["appCreationTime"]:
            return ""
        command = query._replace(name=f"{'.'.join(found.labels)}.sagemaker").command("stop")
        return f"Run `{command}`, and start it again"

    def _all(self, kind: str, **members: Any) -> list[dict[str, Any]]:
        return list(self.items(f"list_{kind.lower()}", kind, MaxResults=100, **members))

    def _app(self, arn: str, app_type: str) -> dict[str, Any] | None:
        """Return the last app of a space, which may be deleted; None where it never had one."""
        if app_type not in SETTINGS:
            return None
        try:
            return self.call("describe_app", **_app_in(arn, app_type))
        except Refused as refused:
            if refused.code != "ResourceNotFound":
                raise
            return None


def _app_in(arn: str, app_type: str) -> dict[str, str]:
    """Return the members of a request that name the app of a space. Its name is always this."""
    return {**place_of(arn), "AppType": app_type, "AppName": "default"}


def _settings(space: Mapping[str, Any]) -> Mapping[str, Any]:
    return space.get("SpaceSettings") or space.get("SpaceSettingsSummary") or {}


def _spec(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the machine that the settings of a space name for its type of app."""
    of_app = settings.get(SETTINGS.get(settings.get("AppType", ""), ""), {})
    spec: Mapping[str, Any] = of_app.get("DefaultResourceSpec", {})
    return spec


def _described(found: Found, space: Mapping[str, Any], app: Mapping[str, Any] | None) -> Found:
    app, settings = app or {}, _settings(space)
    owner = space.get("OwnershipSettings") or space.get("OwnershipSettingsSummary") or {}
    details = {
        "domain": found.labels[1],
        "domainId": place_of(found.id)["DomainId"],
        "appType": settings.get("AppType", ""),
        "remoteAccess": settings.get("RemoteAccess") == "ENABLED",
        "instanceType": (app.get("ResourceSpec") or _spec(settings)).get("InstanceType"),
        "owner": owner.get("OwnerUserProfileName"),
        "appCreationTime": iso_time(app.get("CreationTime")) or None,
    }
    state, started = _state_of(space, app, details["appType"]), epoch_time(app.get("CreationTime"))
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


def _consent(space: str, query: Query) -> ConsentNeeded:
    options = tuple(pair for pair in query.options if pair[0] != ENABLE)
    command = SAGEMAKER.command(query._replace(options=options), "start", f"--{ENABLE}")
    return ConsentNeeded(
        f"Remote access to space {space} is off",
        f"`{command}` turns it on and restarts the space: unsaved work in it is lost",
        ENABLE,
        f"Remote access to space {space} is off. Turn it on? This restarts the space, and unsaved "
        "work in it is lost.",
    )
