"""GameLift Streams' operation that opens a shell.

The source is botocore's model ``gameliftstreams/2018-05-10``. The protocol is REST with JSON, which
botocore alone speaks.
"""

from __future__ import annotations

from ...aws.services import Service, SignedOperation
from ..regional.ssm import ACCESS
from .names import STREAMS

GAMELIFT_STREAMS = Service(
    STREAMS,
    STREAMS,
    "",
    {"create_stream_session_admin_shell": SignedOperation("CreateStreamSessionAdminShell", ACCESS)},
)
