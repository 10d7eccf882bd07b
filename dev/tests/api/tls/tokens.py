"""Prints the tokens that botocore makes from the inputs in a file of known answers, one a line, in their order.

    tokens.py FILE
"""

import datetime
import json
import sys
from unittest import mock
from urllib.parse import urlencode

import boto3
from botocore.model import ServiceId
from botocore.signers import RequestSigner


def session(env):
    return boto3.Session(
        env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env.get("AWS_SESSION_TOKEN"), env["AWS_REGION"]
    )


def for_postgres(env, host, port, user):
    return session(env).client("rds").generate_db_auth_token(host, port, user)


def for_redis(env, cache, user):
    """As the guide of ElastiCache describes it: botocore has no call of its own for this one."""
    current = session(env)
    signer = RequestSigner(
        ServiceId("elasticache"), current.region_name, "elasticache", "v4", current.get_credentials(), current.events
    )
    query = urlencode({"Action": "connect", "User": user, "ResourceType": "ServerlessCache"})
    request = {"method": "GET", "url": f"https://{cache}/?{query}", "body": {}, "headers": {}, "context": {}}
    url = signer.generate_presigned_url(request, "connect", expires_in=900, region_name=current.region_name)
    return url.removeprefix("https://")


def main(file):
    with open(file, encoding="utf-8") as cases:
        for case in json.load(cases):
            now = datetime.datetime.fromtimestamp(case["now"], datetime.timezone.utc)
            with mock.patch("botocore.auth.get_current_datetime", lambda: now):
                token = for_postgres if "host" in case["for"] else for_redis
                print(token(case["env"], **case["for"]))


main(*sys.argv[1:])
