"""The roles of dev/deployment/github-oidc.yaml: sound for cfn-lint, for one environment of one repository only, and
sufficient for the services that template.yaml uses."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

os.environ |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
os.environ.pop("AWS_PROFILE", None)

import boto3  # noqa: E402
from moto import mock_aws  # noqa: E402

ROOT = Path(__file__).resolve().parents[4]
TEMPLATE = ROOT / "dev/deployment/github-oidc.yaml"
CFN_LINT = "import sys; from cfnlint.runner import main; sys.exit(main())"
PROVIDER = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
PARAMETERS = {"Repository": "ada/shelf", "Environment": "prod", "StackName": "shelf", "OidcProviderArn": PROVIDER}


def lint():
    strict = ["--non-zero-exit-code", "informational", "--include-checks", "I"]
    command = [sys.executable, "-c", CFN_LINT, *strict, "--", str(TEMPLATE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def create():
    """The documents of each role: who may become it, and its statements."""
    parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in PARAMETERS.items()]
    stacks, iam = (boto3.client(service, region_name="eu-west-1") for service in ("cloudformation", "iam"))
    stacks.create_stack(
        StackName="github", TemplateBody=TEMPLATE.read_text(), Parameters=parameters, Capabilities=["CAPABILITY_IAM"]
    )
    roles = {}
    resources = stacks.describe_stack_resources(StackName="github")["StackResources"]
    # moto also lists what a condition leaves out, without an id.
    for resource in (resource for resource in resources if "PhysicalResourceId" in resource):
        name = resource["PhysicalResourceId"]
        (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        role = iam.get_role(RoleName=name)["Role"]
        rights = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        # moto gives this one as Python writes it.
        rights = ast.literal_eval(rights) if isinstance(rights, str) else rights
        trust = role["AssumeRolePolicyDocument"]["Statement"]
        roles[resource["LogicalResourceId"]] = role["Arn"], trust, rights["Statement"]
    return roles


def actions(statement):
    stated = statement["Action"]
    return {stated} if isinstance(stated, str) else set(stated)


lint()
with mock_aws():
    roles = create()
assert roles.keys() == {"DeployRole", "StackRole"}

_, (trust,), rights = roles["DeployRole"]
assert trust["Principal"] == {"Federated": PROVIDER} and trust["Action"] == "sts:AssumeRoleWithWebIdentity"
assert trust["Condition"] == {
    "StringEquals": {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": "repo:ada/shelf:environment:prod",
    }
}, trust
# A job does nothing itself but upload code and start changes, and of roles it passes on only the stack's.
services = {action.split(":")[0] for statement in rights for action in actions(statement)}
assert services == {"cloudformation", "iam", "s3"}, services
(passed,) = [statement for statement in rights if "iam:PassRole" in actions(statement)]
assert passed["Resource"] == roles["StackRole"][0] and actions(passed) == {"iam:PassRole"}
everywhere = [statement["Sid"] for statement in rights if statement["Resource"] == "*"]
assert everywhere == ["ReadTemplates"], everywhere

_, (trust,), rights = roles["StackRole"]
assert trust["Principal"] == {"Service": "cloudformation.amazonaws.com"}, trust
permitted = {action.split(":")[0] for statement in rights for action in actions(statement)}
assert "secretsmanager:GetSecretValue" not in json.dumps(rights) and "secretsmanager:*" not in json.dumps(rights)
types = re.findall(r"^    Type: AWS::(\w+)::\w+$", (ROOT / "template.yaml").read_text(), re.MULTILINE)
assert len(types) > 50, "template.yaml has resources"
# What SAM makes of its own types: an API, functions, deployments, roles and schedules.
needed = {service.lower() for service in types} - {"serverless"}
needed |= {"apigateway", "lambda", "codedeploy", "iam", "events"}
needed = {"apigateway" if service.startswith("apigateway") else service for service in needed}
assert needed <= permitted, f"the stack role permits nothing of {needed - permitted}"
print(f"{len(needed)} services")
