"""moto's CloudFormation creates the stack, but for what it does not know."""

import importlib
import io
import json
import pkgutil
import re
import zipfile

import boto3
import moto
from moto.core.common_models import CloudFormationModel

from translation import ACCOUNT, CHOICES, REGION, Deployment

# Types that moto does not support. The test fails when it supports one, so that the list gets shorter.
LEFT_OUT = {
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::ApiGatewayV2::Stage",
    "AWS::Budgets::Budget",
    "AWS::CloudWatch::Alarm",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::ElastiCache::ServerlessCache",
    "AWS::ElastiCache::User",
    "AWS::ElastiCache::UserGroup",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBClusterParameterGroup",
    "AWS::RDS::DBProxy",
    "AWS::RDS::DBProxyTargetGroup",
    "AWS::SecretsManager::ResourcePolicy",
    "AWS::SecretsManager::Secret",
    # moto would know it without a cluster.
    "AWS::RDS::DBInstance",
    # moto would have to run the function.
    "Custom::Migration",
    "Custom::OriginSecret",
    "Custom::Settings",
    "Custom::SigningKeys",
}


def known():
    for module in pkgutil.iter_modules(moto.__path__):
        if module.ispkg:
            try:
                importlib.import_module(f"moto.{module.name}.models")
            except ModuleNotFoundError:
                pass
    kinds = [CloudFormationModel]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    return {kind.cloudformation_type() for kind in kinds[1:]} - {"AWS::RDS::DBInstance"}


def without(value, left_out):
    """`value` with a stand-in for each reference to what is left out; an alias is its function."""
    match value:
        case {"Ref": str(name)} if name in left_out and name.endswith("Aliaslive"):
            return {"Fn::GetAtt": [name.removesuffix("Aliaslive"), "Arn"]}
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]} if name in left_out:
            return f"arn:aws:left-out:{REGION}:{ACCOUNT}:left-out:{name}"
        case {"Fn::Sub": str(text)}:
            return {"Fn::Sub": sub_without(text, left_out)}
        case {"Fn::Sub": [str(text), own]}:
            return {"Fn::Sub": [sub_without(text, left_out), without(own, left_out)]}
        case dict():
            return {key: without(of, left_out) for key, of in value.items()}
        case list():
            return [without(of, left_out) for of in value]
    return value


def sub_without(text, left_out):
    return re.sub(
        r"\$\{(\w+)(\.\w+)*\}",
        lambda match: f"left-out-{match[1]}" if match[1] in left_out else match[0],
        text,
    )


def code():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("bootstrap", "#!/bin/sh\n")
    s3 = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="code", Key="functions.zip", Body=archive.getvalue())


def network():
    """Creates a network in moto and returns the settings that name it."""
    ec2 = boto3.client("ec2", region_name=REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/24")["Vpc"]["VpcId"]
    zones = {f"{REGION}a": "10.0.0.0/26", f"{REGION}b": "10.0.0.64/26"}
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for zone, block in zones.items()
    ]
    group = ec2.create_security_group(VpcId=vpc, GroupName="functions", Description="functions")["GroupId"]
    return {"VpcId": vpc, "SubnetIds": subnets, "FunctionSecurityGroupId": group}


def create(choice, chosen):
    chosen = chosen | (network() if "VpcId" in chosen else {})
    deployment = Deployment(chosen)
    types = known()
    left_out = {name for name, about in deployment.resources.items() if about["Type"] not in types}
    resources = {}
    for name, about in deployment.resources.items():
        if name not in left_out:
            after = about.get("DependsOn", [])
            after = [one for one in ([after] if isinstance(after, str) else after) if one not in left_out]
            known_so_far = deployment.value({k: v for k, v in about.items() if k != "DependsOn"})
            resources[name] = without(known_so_far, left_out)
            resources[name] |= {"DependsOn": after} if after else {}
    body = {"Resources": resources}
    client = boto3.client("cloudformation", region_name=REGION)
    client.create_stack(
        StackName="Shelf",
        TemplateBody=json.dumps(body),
        Capabilities=["CAPABILITY_IAM"],
    )
    stack = client.describe_stacks(StackName="Shelf")["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    pages = client.get_paginator("list_stack_resources").paginate(StackName="Shelf")
    created = {one["LogicalResourceId"] for page in pages for one in page["StackResourceSummaries"]}
    assert created == resources.keys(), resources.keys() ^ created
    print(f"{choice}: {len(created)} created, {len(left_out)} left out")
    return {deployment.resources[name]["Type"] for name in left_out}


seen = set()
for choice, chosen in CHOICES.items():
    with moto.mock_aws(config={"lambda": {"use_docker": False}}):
        code()
        seen |= create(choice, chosen)
assert seen == LEFT_OUT, f"LEFT_OUT differs: {sorted(seen ^ LEFT_OUT)}"
print("left out, unknown to moto:", ", ".join(sorted(LEFT_OUT)))
