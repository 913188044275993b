"""SageMaker's operations, carried out on the model."""

from __future__ import annotations

from ..errors import ValidationException
from ..protocols.protocol import Answer, Instant, present
from ..rest import Endpoint
from ..signed import Call, SignedApi
from . import requests
from .model import App, Domain, ResourceNotFound, SageMakerModel, Space

PAGE_SIZE = 10  # of the lists: AWS's default is not documented
_SETTINGS = {"JupyterLab": "JupyterLabAppSettings", "CodeEditor": "CodeEditorAppSettings"}


class SageMakerService:
    """The API, as endpoints for a ``RestServer``."""

    def __init__(self, model: SageMakerModel) -> None:
        self._model = model

    def endpoints(self) -> list[Endpoint]:
        """Return all operations."""
        api = SignedApi(self._model.account, "sagemaker", "SageMaker")
        lists = (
            ("ListDomains", requests.LIST_DOMAINS, self._list_domains),
            ("ListSpaces", requests.LIST_SPACES, self._list_spaces),
            ("ListApps", requests.LIST_APPS, self._list_apps),
        )
        of_space = (
            ("DescribeSpace", requests.DESCRIBE_SPACE, self._describe_space),
            ("UpdateSpace", requests.UPDATE_SPACE, self._update_space),
        )
        of_app = (
            ("DescribeApp", requests.DESCRIBE_APP, self._describe_app),
            ("CreateApp", requests.CREATE_APP, self._create_app),
            ("DeleteApp", requests.DELETE_APP, self._delete_app),
        )
        return [
            *(api.endpoint(*operation) for operation in lists),
            *(api.endpoint(*operation, resources=_space_arns) for operation in of_space),
            *(api.endpoint(*operation, resources=_app_arns) for operation in of_app),
            api.endpoint(
                "StartSession",
                requests.START_SESSION,
                self._start_session,
                resources=lambda call: [call["ResourceIdentifier"]],
            ),
        ]

    def _list_domains(self, call: Call) -> Answer:
        domains = [_domain(each) for each in self._model.domains(call.region)]
        return call.page("Domains", domains, PAGE_SIZE)

    def _list_spaces(self, call: Call) -> Answer:
        domain, part = call.get("DomainIdEquals"), call.get("SpaceNameContains", "")
        found = [
            _space_details(space)
            for space in self._model.spaces(call.region)
            if domain in (None, space.domain.id) and part.lower() in space.name.lower()
        ]
        return call.page("Spaces", found, PAGE_SIZE)

    def _list_apps(self, call: Call) -> Answer:
        domain, name = call.get("DomainIdEquals"), call.get("SpaceNameEquals")
        found = [
            _app_details(space, space.app)
            for space in self._model.spaces(call.region)
            if space.app and domain in (None, space.domain.id) and name in (None, space.name)
        ]
        return call.page("Apps", found, PAGE_SIZE)

    def _describe_space(self, call: Call) -> Answer:
        space = self._space(call)
        settings: dict[str, object] = {
            "AppType": space.app_type,
            "RemoteAccess": space.remote_access,
        }
        if space.app_type in _SETTINGS:
            settings[_SETTINGS[space.app_type]] = {"DefaultResourceSpec": dict(space.spec)}
        return {
            "DomainId": space.domain.id,
            "SpaceArn": space.arn,
            "SpaceName": space.name,
            "Status": space.status.value,
            "CreationTime": Instant(space.created),
            "LastModifiedTime": Instant(space.created),
            "SpaceSettings": present(settings),
            "OwnershipSettings": {"OwnerUserProfileName": space.owner},
            "SpaceSharingSettings": {"SharingType": "Private"},
            "SpaceDisplayName": space.display_name,
        }

    def _update_space(self, call: Call) -> Answer:
        space = self._space(call)
        settings = call.get("SpaceSettings") or {}
        self._model.update_space(space, settings.get("RemoteAccess"))
        changed = (settings.get(_SETTINGS.get(space.app_type or "", "")) or {}).get(
            "DefaultResourceSpec"
        )
        if changed:
            space.spec = {**space.spec, **changed}
        return {"SpaceArn": space.arn}

    def _describe_app(self, call: Call) -> Answer:
        space, app = self._app(call)
        return {
            **_app_details(space, app),
            "AppArn": _app_arn(space, app),
            "FailureReason": app.failure_reason,
        }

    def _create_app(self, call: Call) -> Answer:
        space = self._space(call)
        spec = call.get("ResourceSpec") or space.spec
        return {"AppArn": _app_arn(space, self._model.create_app(space, call["AppType"], spec))}

    def _delete_app(self, call: Call) -> Answer:
        space, _ = self._app(call)
        self._model.delete_app(space)
        return {}

    def _start_session(self, call: Call) -> Answer:
        found = (
            space
            for space in self._model.spaces(call.region)
            if space.arn == call["ResourceIdentifier"]
        )
        space = next(found, None)
        if space is None:
            raise ResourceNotFound(f"Resource {call['ResourceIdentifier']} does not exist.")
        session = self._model.start_session(space, call)
        return call.access(session)

    def _space(self, call: Call) -> Space:
        if not call.get("SpaceName"):
            raise ValidationException("Only apps of spaces are emulated")
        return self._model.space(call.region, call["DomainId"], call["SpaceName"])

    def _app(self, call: Call) -> tuple[Space, App]:
        space = self._space(call)
        app = self._model.app(space)
        if (app.type, app.name) != (call["AppType"], call["AppName"]):
            raise ResourceNotFound(f"App [{call['AppName']}] does not exist.")
        return space, app


def _domain(domain: Domain) -> Answer:
    return {
        "DomainArn": domain.arn,
        "DomainId": domain.id,
        "DomainName": domain.name,
        "Status": "InService",
        "CreationTime": Instant(domain.created),
    }


def _space_details(space: Space) -> Answer:
    summary = {"AppType": space.app_type, "RemoteAccess": space.remote_access}
    return present(
        {
            "DomainId": space.domain.id,
            "SpaceName": space.name,
            "Status": space.status.value,
            "CreationTime": Instant(space.created),
            "LastModifiedTime": Instant(space.created),
            "SpaceSettingsSummary": present(summary),
            "OwnershipSettingsSummary": {"OwnerUserProfileName": space.owner},
            "SpaceSharingSettingsSummary": {"SharingType": "Private"},
            "SpaceDisplayName": space.display_name,
        }
    )


def _app_details(space: Space, app: App) -> Answer:
    return {
        "DomainId": space.domain.id,
        "SpaceName": space.name,
        "AppType": app.type,
        "AppName": app.name,
        "Status": app.status.value,
        "CreationTime": Instant(app.created),
        "ResourceSpec": dict(app.spec),
    }


def _app_arn(space: Space, app: App) -> str:
    return space.domain.arn_of(f"app/{space.domain.id}/{space.name}/{app.type}/{app.name}")


def _space_arns(call: Call) -> list[str]:
    return [call.arn(f"space/{call['DomainId']}/{call['SpaceName']}")]


def _app_arns(call: Call) -> list[str]:
    place = f"{call['DomainId']}/{call.get('SpaceName') or call.get('UserProfileName')}"
    return [call.arn(f"app/{place}/{call['AppType']}/{call['AppName']}")]
