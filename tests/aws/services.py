"""Services with one operation each, for both clients."""

from __future__ import annotations

from connector.aws.responses import Object, list_of, text
from connector.aws.services import Service, SignedOperation

PING = SignedOperation(
    "DescribeInstanceInformation",
    Object(
        lenient={
            "InstanceInformationList": list_of(Object({"InstanceId": text})),
            "NextToken": text,
        }
    ),
)

SSM = Service("ssm", "ssm", "AmazonSSM", {"describe_instance_information": PING})

#: The same service for botocore's client, which any service without a target has.
BY_BOTOCORE = SSM._replace(target="")

EC2 = Service(
    "ec2",
    "ec2",
    "",
    {
        "describe_instances": SignedOperation(
            "DescribeInstances",
            Object(
                lenient={
                    "Reservations": list_of(
                        Object(
                            lenient={
                                "Instances": list_of(
                                    Object({"InstanceId": text}, lenient={"LaunchTime": text})
                                )
                            }
                        )
                    )
                }
            ),
        )
    },
)

#: The same for the client without botocore, which knows what EC2 calls these members.
_XML_NAMES = {"reservationSet": "Reservations", "instancesSet": "Instances"}

LIGHT_EC2 = EC2._replace(
    operations={
        "describe_instances": EC2.operations["describe_instances"]._replace(xml_names=_XML_NAMES)
    }
)
