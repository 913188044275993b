"""The requests of SageMaker that the emulator serves, with the members that it reads.

Source: botocore's model ``sagemaker/2017-07-24``. A test compares every member. The types of
instances are not listed here: AWS adds some each month.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..shapes import Shape, Structure, Text, Whole

_NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
_DOMAIN_ID = Text(0, 63, r"d-(-*[a-z0-9]){1,61}")
_SPACE_NAME = Text(0, 63, _NAME)
_USER_PROFILE_NAME = Text(0, 63, _NAME)
_APP_NAME = Text(0, 63, _NAME)
_APP_TYPE = Text(
    enum=(
        "JupyterServer",
        "KernelGateway",
        "DetailedProfiler",
        "TensorBoard",
        "CodeEditor",
        "JupyterLab",
        "RStudioServerPro",
        "RSessionGateway",
        "Canvas",
    )
)
_PAGES: Mapping[str, Shape] = {"NextToken": Text(0, 8192, ".*"), "MaxResults": Whole(1, 100)}
_RESOURCE_SPEC = Structure(
    {
        "SageMakerImageArn": Text(0, 256),
        "SageMakerImageVersionArn": Text(0, 256),
        "SageMakerImageVersionAlias": Text(1, 128),
        "InstanceType": Text(),
        "LifecycleConfigArn": Text(0, 256),
        "TrainingPlanArn": Text(0, 2048),
    }
)
_APP_SETTINGS = Structure({"DefaultResourceSpec": _RESOURCE_SPEC})
_SPACE: Mapping[str, Shape] = {"DomainId": _DOMAIN_ID, "SpaceName": _SPACE_NAME}
_APP: Mapping[str, Shape] = {
    **_SPACE,
    "UserProfileName": _USER_PROFILE_NAME,
    "AppType": _APP_TYPE,
    "AppName": _APP_NAME,
}
_OF_APP = ("DomainId", "AppType", "AppName")

LIST_DOMAINS = Structure(_PAGES)
LIST_SPACES = Structure(
    {
        **_PAGES,
        "DomainIdEquals": _DOMAIN_ID,
        "SpaceNameContains": _SPACE_NAME,
    }
)
LIST_APPS = Structure(
    {
        **_PAGES,
        "DomainIdEquals": _DOMAIN_ID,
        "SpaceNameEquals": _SPACE_NAME,
    }
)
DESCRIBE_SPACE = Structure(_SPACE, tuple(_SPACE))
UPDATE_SPACE = Structure(
    {
        **_SPACE,
        "SpaceSettings": Structure(
            {
                "JupyterLabAppSettings": _APP_SETTINGS,
                "CodeEditorAppSettings": _APP_SETTINGS,
                "AppType": _APP_TYPE,
                "RemoteAccess": Text(enum=("ENABLED", "DISABLED")),
            }
        ),
    },
    tuple(_SPACE),
)
DESCRIBE_APP = Structure(_APP, _OF_APP)
DELETE_APP = Structure(_APP, _OF_APP)
CREATE_APP = Structure(
    {
        **_APP,
        "ResourceSpec": _RESOURCE_SPEC,
    },
    _OF_APP,
)
START_SESSION = Structure(
    {"ResourceIdentifier": Text(1, 256, r"arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:.*\/.*")},
    ("ResourceIdentifier",),
)
