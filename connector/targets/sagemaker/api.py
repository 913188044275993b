"""The operations of SageMaker's API that a space needs, and the members that we read.

Source: botocore's model ``sagemaker/2017-07-24``.
"""

from __future__ import annotations

from ...aws.responses import Object, non_empty, number, page_of, text, texts
from ...aws.services import Service, SignedOperation
from ..regional.ssm import ACCESS

#: What CreateApp takes. The service may add members to a space's specification that it does not.
_IMAGE = ("SageMakerImageArn", "SageMakerImageVersionArn", "SageMakerImageVersionAlias")
_OTHERS = ("InstanceType", "LifecycleConfigArn", "TrainingPlanArn")
_SPEC = Object(lenient=dict.fromkeys((*_IMAGE, *_OTHERS), non_empty))
_OF_APP = Object(lenient={"DefaultResourceSpec": _SPEC})
_APPS = {"JupyterLabAppSettings": _OF_APP, "CodeEditorAppSettings": _OF_APP}
_SETTINGS = Object(lenient={**texts("AppType", "RemoteAccess"), **_APPS})
_OWNER = Object(lenient=texts("OwnerUserProfileName"))
_APP = Object(
    texts("Status"),
    lenient={
        **texts("DomainId", "SpaceName", "FailureReason"),
        "CreationTime": number(0, 1e11),
        "ResourceSpec": _SPEC,
    },
)
_DOMAIN = Object(texts("DomainId", "DomainArn", "DomainName"))
_SUMMARY = Object(
    texts("DomainId", "SpaceName"),
    lenient={
        **texts("Status"),
        "SpaceSettingsSummary": _SETTINGS,
        "OwnershipSettingsSummary": _OWNER,
    },
)
_SPACE = Object(
    {"SpaceArn": non_empty, "Status": text},
    lenient={**texts("FailureReason"), "SpaceSettings": _SETTINGS, "OwnershipSettings": _OWNER},
)

SERVICE = Service(
    "sagemaker",
    "api.sagemaker",
    "SageMaker",
    {
        "list_domains": SignedOperation("ListDomains", page_of("Domains", _DOMAIN)),
        "list_spaces": SignedOperation("ListSpaces", page_of("Spaces", _SUMMARY)),
        "list_apps": SignedOperation("ListApps", page_of("Apps", _APP)),
        "describe_space": SignedOperation("DescribeSpace", _SPACE),
        "describe_app": SignedOperation("DescribeApp", _APP),
        "create_app": SignedOperation("CreateApp", Object()),
        "delete_app": SignedOperation("DeleteApp", Object()),
        "update_space": SignedOperation("UpdateSpace", Object()),
        "start_session": SignedOperation("StartSession", ACCESS),
    },
)
