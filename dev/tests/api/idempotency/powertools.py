"""One step of a test: reads, claims or completes a record with the persistence layer of Powertools.

    powertools.py URL TABLE read|claim|complete ID
"""

import json
import sys

import boto3
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemAlreadyExistsError


class Layer(DynamoDBPersistenceLayer):
    """The layer of Powertools, with a given record id instead of one computed from the event."""

    def __init__(self, url, table, record_id):
        client = boto3.client(
            "dynamodb",
            endpoint_url=url,
            region_name="eu-central-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
        super().__init__(table_name=table, boto3_client=client)
        self.record_id = record_id
        self.configure(config=IdempotencyConfig())

    def _get_hashed_idempotency_key(self, data):
        return self.record_id


def show(record):
    print(
        json.dumps(
            {
                "status": record.status,
                "id": record.idempotency_key,
                "validation": record.payload_hash,
                "expired": record.is_expired,
                "response": record.response_json_as_dict(),
            }
        )
    )


def main(url, table, step, record_id):
    layer = Layer(url, table, record_id)
    if step == "read":
        show(layer.get_record(data={}))
    elif step == "claim":
        try:
            layer.save_inprogress(data={}, remaining_time_in_millis=30_000)
            print(json.dumps({"claimed": True}))
        except IdempotencyItemAlreadyExistsError as existing:
            print(json.dumps({"claimed": False, "status": existing.old_data_record.status}))
    elif step == "complete":
        response = {"statusCode": 201, "headers": {"Content-Type": "application/json"}, "body": '{"by":"powertools"}'}
        layer.save_success(data={}, result=response)
        print(json.dumps({"completed": True}))


main(*sys.argv[1:])
