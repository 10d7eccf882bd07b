"""The real SAM CLI deploys to moto: guided, again, from a snapshot, with a rotation. What it sends is recorded.

moto cannot translate SAM templates and knows few resource types. So each change set is recorded as SAM sends it, and
moto gets a template with one topic, the metadata of which changes with it.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from pathlib import Path

import boto3
import moto
from click.testing import CliRunner
from moto.cloudformation.models import CloudFormationBackend
from samcli.cli.main import cli
from samcli.commands.deploy import command, guided_context

from sources import ROOT
from translation import Deployment

STAND_IN = {"Resources": {"StandIn": {"Type": "AWS::SNS::Topic", "Properties": {}}}}
SNAPSHOT = "arn:aws:rds:eu-west-1:123456789012:cluster-snapshot:restored"

sent = []
create_change_set = CloudFormationBackend.create_change_set


def recorded(self, stack_name, change_set_name, template, parameters, *others, **named):
    sent.append((stack_name, template, dict(parameters)))
    stand_in = json.loads(json.dumps(STAND_IN))
    # Another name where SAM's template or parameters differ, so that moto too sees a change or none.
    digest = hashlib.sha256((template + json.dumps(parameters, sort_keys=True)).encode()).hexdigest()
    stand_in["Resources"]["StandIn"]["Properties"]["TopicName"] = f"stand-in-{digest[:12]}"
    return create_change_set(self, stack_name, change_set_name, json.dumps(stand_in), {}, *others, **named)


def sam(*arguments, answers=""):
    """Runs a command; returns what it prints, and the parameters that each change set has."""
    sent.clear()
    result = CliRunner().invoke(cli, arguments, input=answers)
    assert result.exit_code == 0, f"{arguments}: {result.output}\n{result.exception!r}"
    return result.output, list(sent)


def change(path, before, after):
    text = path.read_text()
    assert before in text, f"{path.name} has no {before}"
    path.write_text(text.replace(before, after))


def made_of(deployed, parameters):
    """What the versions of functions are made of: their text, the values that reach them, and the database."""
    deployment = Deployment(parameters, deployed)
    versions = {name for name, about in deployment.resources.items() if about["Type"] == "AWS::Lambda::Version"}
    return versions, deployment.properties("Settings")["Values"], deployment.properties("Database")


def main():
    # As after `sam build`: code in a small folder, and the template beside it.
    for name in ["template.yaml", "samconfig.toml"]:
        shutil.copy(ROOT / name, name)
    Path("code").mkdir()
    Path("code/bootstrap").write_text("#!/bin/sh\n")
    template = Path("template.yaml")
    change(template, "    CodeUri: .\n", "    CodeUri: code\n")

    # Enter for every question.
    output, changes = sam("deploy", "--guided", answers="\n" * 60)
    questions = re.findall(r"Parameter (\w+) \[", output)
    assert 0 < len(questions) <= 6, f"a newcomer answers {questions}"
    assert "no authentication" not in output, "guided asks whether routes may be public, and Enter means no"
    ((stack, deployed, first),) = changes
    at_first = made_of(deployed, first)
    assert stack == "bookshelf" and {k: v for k, v in first.items() if k != "Demos"} == {"Environment": "dev", "AlarmEmail": "", "CorsOrigins": "", "Revision": "1"}, first
    print(f"guided: asks {', '.join(questions)}; sends {first}")

    _, changes = sam("deploy", "--no-confirm-changeset")
    ((_, deployed, parameters),) = changes
    assert parameters == first and made_of(deployed, parameters) == at_first, parameters
    print("a plain deployment after it sends the same, and makes no version")

    # Restore: the snapshot is named in the template, where a later deployment finds it.
    change(template, "DatabaseSnapshot: ''", f"DatabaseSnapshot: {SNAPSHOT}")
    for what in ["restore", "a plain deployment after it"]:
        _, changes = sam("deploy", "--no-confirm-changeset")
        ((_, deployed, parameters),) = changes
        versions, values, database = made_of(deployed, parameters)
        assert parameters == first and database["SnapshotIdentifier"] == SNAPSHOT, f"{what}: {parameters}, {database}"
        # The new database has another address, which is one of the values.
        assert {"Fn::GetAtt": ["Database", "Endpoint.Address"]} in values
        print(f"{what}: the database comes from the snapshot")

    # Rotation: another revision, in the file that guided wrote.
    config = Path("samconfig.toml")
    change(config, 'Revision=\\"1\\"', 'Revision=\\"2\\"')
    for what in ["rotation", "a plain deployment after it"]:
        _, changes = sam("deploy", "--no-confirm-changeset")
        ((_, deployed, parameters),) = changes
        versions, values, database = made_of(deployed, parameters)
        assert parameters == first | {"Revision": "2"} and database["SnapshotIdentifier"] == SNAPSHOT, f"{what}: {parameters}"
        assert versions == at_first[0] and values != at_first[1], f"{what} starts no function anew"
        print(f"{what}: revision 2, a new version of every function, the same database")

    # On the command line other parameters keep what they had.
    _, changes = sam("deploy", "--no-confirm-changeset", "--parameter-overrides", "AlarmEmail=ada@example.com")
    ((_, _, parameters),) = changes
    assert parameters == {"AlarmEmail": "ada@example.com"}, parameters

    # The environments of the project's own file.
    for environment in ["dev", "prod"]:
        _, changes = sam("deploy", "--no-confirm-changeset", "--config-env", environment)
        ((stack, _, parameters),) = changes
        assert stack == f"bookshelf-{environment}" and parameters["Environment"] == environment, parameters
        print(f"{environment}: {parameters}")


def bucket(*_, **__):
    """The bucket for code, which SAM makes with a stack of its own that moto lacks the means for."""
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="code")
    return "code"


CloudFormationBackend.create_change_set = recorded
guided_context.manage_stack = command.manage_stack = bucket
with tempfile.TemporaryDirectory() as folder, moto.mock_aws():
    os.chdir(folder)
    main()
    os.chdir("/")
