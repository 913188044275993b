"""Signatures and permissions of requests, and the words of each protocol's refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from connector.emulator.api.account import Account, Key, Role
from connector.emulator.api.errors import ApiError
from connector.emulator.api.protocols.cbor import RpcCbor
from connector.emulator.api.protocols.protocol import JSON_RPC, REST_JSON
from connector.emulator.api.protocols.query import Ec2Query
from connector.emulator.api.rest import Endpoint
from connector.emulator.api.shapes import ListOf, Structure, Text, Whole
from connector.emulator.api.signed import EC2, REST, Call, SignedApi
from connector.emulator.listener import Certificates

from .calls import call, code_of, refused, status_of
from .signing import INSTANCE, Signed, open_signed

SANDBOX = "arn:aws:codebuild:us-east-1:111122223333:sandbox/shop:1"
#: botocore's newer versions prefer JSON.
CBOR = "codebuild smithy-rpc-v2-cbor"
CBOR_PATH = "/service/CodeBuild_20161006/operation/StartSandboxConnection"
GROUP, STREAM = (
    "sg-1234567890",
    "arn:aws:gameliftstreams:us-east-1:111122223333:streamsession/a/b c",
)


def more_services(account: Account) -> Iterable[Endpoint]:
    """One operation of a service in each of the other protocols."""
    namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"
    ec2 = SignedApi(account, "ec2", protocols=(Ec2Query("2016-11-15", namespace),), dialect=EC2)
    codebuild = SignedApi(
        account,
        "codebuild",
        "CodeBuild_20161006",
        protocols=(RpcCbor("CodeBuild_20161006"), JSON_RPC),
    )
    streams = SignedApi(account, "gameliftstreams", protocols=(REST_JSON,), dialect=REST)
    filters = ListOf(Structure({"Name": Text(), "Value": ListOf(Text())}))

    def tags(call: Call) -> dict[str, Any]:
        values = [f"{rule['Name']}={','.join(rule['Value'])}" for rule in call.get("Filter", ())]
        described = [
            {"key": "Name", "value": value, "resourceId": INSTANCE, "resourceType": "instance"}
            for value in values
        ]
        return {"tagSet": described, "nextToken": f"{call.get('MaxResults')} <&>"}

    def connect(call: Call) -> dict[str, Any]:
        session = call.open_session("sandbox", call["sandboxId"])
        return {"ssmSession": call.lower_access(session)}

    def shell(call: Call) -> dict[str, Any]:
        assert call["StreamSessionIdentifier"] == STREAM
        return {"SessionId": call["Identifier"], "TokenValue": "t", "StreamUrl": None}

    path = "/streamgroups/{Identifier}/streamsessions/{StreamSessionIdentifier}/access"
    both = ("Identifier", "StreamSessionIdentifier")
    return [
        ec2.endpoint(
            "DescribeTags",
            Structure({"Filter": filters, "MaxResults": Whole(5, 1000)}),
            tags,
        ),
        codebuild.endpoint(
            "StartSandboxConnection", Structure({"sandboxId": Text(1, 99)}, ("sandboxId",)), connect
        ),
        streams.endpoint(
            "CreateStreamSessionAdminShell",
            Structure(dict.fromkeys(both, Text(1)), both),
            shell,
            path=path,
        ),
    ]


@pytest.fixture
async def signed(boto: Any, certificates: Certificates) -> AsyncIterator[Signed]:
    async with open_signed(boto, certificates, more_services) as signed:
        yield signed


#: For each protocol: a service, a call of it, and the name in IAM.
CALLS: dict[str, tuple[str, dict[str, Any], str]] = {
    "ssm": ("start_session", {"Target": INSTANCE}, "ssm:StartSession"),
    "ec2": ("describe_tags", {}, "ec2:DescribeTags"),
    "codebuild": (
        "start_sandbox_connection",
        {"sandboxId": SANDBOX},
        "codebuild:StartSandboxConnection",
    ),
    CBOR: (
        "start_sandbox_connection",
        {"sandboxId": SANDBOX},
        "codebuild:StartSandboxConnection",
    ),
    "gameliftstreams": (
        "create_stream_session_admin_shell",
        {"Identifier": GROUP, "StreamSessionIdentifier": STREAM},
        "gameliftstreams:CreateStreamSessionAdminShell",
    ),
    "sts": (
        "assume_role",
        {"RoleArn": "arn:aws:iam::111122223333:role/builder", "RoleSessionName": "ci"},
        "sts:AssumeRole",
    ),
}


async def error_of(signed: Signed, service: str, **client: Any) -> tuple[str, int, str]:
    method, members, _ = CALLS[service]
    error = await refused(getattr(signed.client(service, **client), method), **members)
    return code_of(error), status_of(error), error.response["Error"]["Message"]


async def test_query_has_lists_and_escapes(signed: Signed) -> None:
    client = signed.client("ec2")
    rules = [
        {"Name": "resource-type", "Values": ["instance", "image"]},
        {"Name": "key", "Values": ["a&b <c> ü"]},
    ]
    answer = await call(client.describe_tags, Filters=rules, MaxResults=7)
    assert [tag["Value"] for tag in answer["Tags"]] == [
        "resource-type=instance,image",
        "key=a&b <c> ü",
    ]
    assert answer["NextToken"] == "7 <&>"
    error = await refused(client.describe_tags, MaxResults=4000)
    assert code_of(error) == "InvalidParameterValue"
    assert code_of(await refused(client.describe_vpcs)) == "InvalidAction"


@pytest.mark.parametrize("service", ["codebuild", CBOR])
async def test_one_operation_has_two_protocols(signed: Signed, service: str) -> None:
    client = signed.client(service)
    protocol = client.meta.service_model.resolved_protocol
    assert protocol == (service.partition(" ")[2] or "json")
    answer = await call(client.start_sandbox_connection, sandboxId=SANDBOX)
    (session,) = signed.account.sessions.opened_by_requests()
    assert answer["ssmSession"]["sessionId"] == session.id
    assert session.origin is not None
    assert session.origin.target == SANDBOX
    error = await refused(client.start_sandbox_connection, sandboxId="x" * 100)
    assert code_of(error) == "ValidationException"
    (*_, record) = signed.server.requests
    assert record.path == ("/" if protocol == "json" else CBOR_PATH)


async def test_rest_request_is_carried_out(signed: Signed) -> None:
    answer = await call(
        signed.client("gameliftstreams").create_stream_session_admin_shell,
        Identifier=GROUP,
        StreamSessionIdentifier=STREAM,
    )
    assert answer["SessionId"] == GROUP
    assert "StreamUrl" not in answer


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("ssm", "InvalidSignatureException", 400),
        ("ec2", "AuthFailure", 401),
        ("codebuild", "InvalidSignatureException", 400),
        (CBOR, "InvalidSignatureException", 400),
        ("gameliftstreams", "InvalidSignatureException", 403),
        ("sts", "SignatureDoesNotMatch", 403),
    ],
)
async def test_wrong_secret_is_refused(
    signed: Signed, service: str, code: str, status: int
) -> None:
    found = await error_of(signed, service, secret="another")
    assert found[:2] == (code, status)
    assert "another" not in found[2]


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("ssm", "UnrecognizedClientException"),
        ("ec2", "AuthFailure"),
        ("codebuild", "UnrecognizedClientException"),
        (CBOR, "UnrecognizedClientException"),
        ("gameliftstreams", "UnrecognizedClientException"),
        ("sts", "InvalidClientTokenId"),
    ],
)
async def test_key_counts_only_in_enabled_regions_and_with_its_own_token(
    signed: Signed, service: str, code: str
) -> None:
    key = signed.account.user_key
    assert (await error_of(signed, service, region="ap-east-1"))[0] == code
    stranger = Key("AKIDUNKNOWN123456", key.secret, key.identity)
    assert (await error_of(signed, service, key=stranger))[0] == code
    with_token = Key(key.id, key.secret, key.identity, "a token")
    assert (await error_of(signed, service, key=with_token))[0] == code
    signed.account.regions["ap-east-1"] = True
    signed.account.revoke(key)
    assert (await error_of(signed, service, region="ap-east-1"))[0] == code


@pytest.mark.parametrize(
    ("service", "code", "words"),
    [
        ("ssm", "InvalidSignatureException", "Signature expired: "),
        ("ec2", "RequestExpired", "Request has expired."),
        ("codebuild", "InvalidSignatureException", "Signature expired: "),
        (CBOR, "InvalidSignatureException", "Signature expired: "),
        ("gameliftstreams", "InvalidSignatureException", "Signature expired: "),
        ("sts", "SignatureDoesNotMatch", "Signature expired: "),
    ],
)
async def test_clock_may_be_wrong_by_five_minutes(
    signed: Signed, service: str, code: str, words: str
) -> None:
    signed.account.roles[CALLS["sts"][1]["RoleArn"]] = Role(CALLS["sts"][1]["RoleArn"])
    method, members, _ = CALLS[service]
    for shift in (-290, 290):
        signed.shift = shift
        await call(getattr(signed.client(service), method), **members)
    signed.shift = 320
    found = await error_of(signed, service)
    assert found[0] == code
    assert found[2].startswith(words)
    signed.shift = -320
    found = await error_of(signed, service)
    assert found[2].startswith(words.replace("expired: ", "not yet current: "))


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("ssm", "ExpiredTokenException"),
        ("ec2", "RequestExpired"),
        ("codebuild", "ExpiredTokenException"),
        (CBOR, "ExpiredTokenException"),
        ("gameliftstreams", "ExpiredTokenException"),
        ("sts", "ExpiredToken"),
    ],
)
async def test_temporary_key_expires(signed: Signed, service: str, code: str) -> None:
    role = Role(CALLS["sts"][1]["RoleArn"])
    signed.account.roles[role.arn] = role
    key = signed.account.add_role_key(role, "ci", 100.0)
    method, members, _ = CALLS[service]
    await call(getattr(signed.client(service, key), method), **members)
    signed.shift = 101.0
    found = await error_of(signed, service, key=key)
    assert found[0] == code
    assert found[2] in (
        "The security token included in the request is expired",
        "Request has expired.",
    )


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("ssm", "AccessDeniedException", 400),
        ("ec2", "UnauthorizedOperation", 403),
        ("codebuild", "AccessDeniedException", 400),
        (CBOR, "AccessDeniedException", 400),
        ("gameliftstreams", "AccessDeniedException", 403),
        ("sts", "AccessDenied", 403),
    ],
)
async def test_denial_is_in_iams_words(
    signed: Signed, service: str, code: str, status: int
) -> None:
    action = CALLS[service][2]
    signed.account.deny(action)
    found = await error_of(signed, service)
    assert found[:2] == (code, status)
    user = "User: arn:aws:iam::111122223333:user/mary is not authorized to perform: "
    assert user + action in found[2]
    assert found[2].endswith(f" because no identity-based policy allows the {action} action")


async def test_denial_is_of_one_resource(signed: Signed) -> None:
    document = "arn:aws:ssm:us-east-1::document/AWS-StartSSHSession"
    denial = signed.account.deny("ssm:StartSession", document, explicit=True)
    client = signed.client("ssm")
    await call(client.start_session, Target=INSTANCE)
    members = {"Target": INSTANCE, "DocumentName": "AWS-StartSSHSession"}
    error = await refused(client.start_session, **members)
    assert error.response["Error"]["Message"] == (
        "User: arn:aws:iam::111122223333:user/mary is not authorized to perform: ssm:StartSession "
        f"on resource: {document} with an explicit deny in an identity-based policy"
    )
    signed.account.denials.remove(denial)
    await call(client.start_session, **members)
    signed.account.deny("ssm:Start*", f"arn:aws:ec2:*:*:instance/{INSTANCE}")
    assert code_of(await refused(client.start_session, **members)) == "AccessDeniedException"


async def test_request_without_a_signature_is_refused(boto: Any, signed: Signed) -> None:
    from botocore import UNSIGNED
    from botocore.config import Config

    for service, code in (("ssm", "MissingAuthenticationTokenException"), ("ec2", "AuthFailure")):
        unsigned = boto.client(
            service,
            region_name="us-east-1",
            endpoint_url=signed.server.url,
            verify=signed.ca_file,
            config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
        )
        method, members, _ = CALLS[service]
        assert code_of(await refused(getattr(unsigned, method), **members)) == code
        unsigned.close()


async def test_signature_is_for_one_service(signed: Signed) -> None:
    client = signed.client("ssm")
    client.meta.events.register(
        "choose-signer.ssm.*", lambda context, **_: context.update({"signing": {}}) and None
    )
    client._request_signer._signing_name = "ec2"
    method, members, _ = CALLS["ssm"]
    error = await refused(getattr(client, method), **members)
    assert code_of(error) == "InvalidSignatureException"
    assert "correct service: 'ssm'" in error.response["Error"]["Message"]


@pytest.mark.parametrize("service", CALLS)
async def test_misbehaviours_work_in_every_protocol(signed: Signed, service: str) -> None:
    signed.account.roles[CALLS["sts"][1]["RoleArn"]] = Role(CALLS["sts"][1]["RoleArn"])
    method, members, action = CALLS[service]
    name = action.partition(":")[2]
    for code, status in (("ThrottlingException", 400), ("InternalFailure", 500)):
        signed.misbehaviours.refuse(name, ApiError("as ordered", code, status))
        assert await error_of(signed, service) == (code, status, "as ordered")
    signed.misbehaviours.delay(action, 0.01)
    await call(getattr(signed.client(service), method), **members)
    records = signed.server.requests_for(action)
    assert [record.status for record in records] == [400, 500, 200]
    assert {record.service for record in records} == {action.partition(":")[0]}
    secrets = (signed.account.user_key.secret, "Credential=")
    assert not any(secret in repr(records) for secret in secrets)
