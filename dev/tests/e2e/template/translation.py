"""The template as CloudFormation sees it: translated by SAM, with parameters and conditions evaluated."""

import json
import logging
import re

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from sources import TEMPLATE

# SAM returns its findings; its log has nothing more than remarks on its own features.
logging.disable(logging.WARNING)

REGION, ACCOUNT = "eu-west-1", "123456789012"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::NoValue": None,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/Shelf/0a1b2c3d-da77-11f0-872e-1234567db123",
    "AWS::StackName": "Shelf",
    "AWS::URLSuffix": "amazonaws.com",
}
# Choices of parameters, each of which is one deployment.
CHOICES = {
    "as it comes": {},
    "with everything on": {
        "AlarmEmail": "ada@example.com",
        "CorsOrigins": "https://app.example.com,https://other.example.com",
        "DatabaseMinCapacity": "0.5",
        "DatabaseSnapshot": "arn:aws:rds:eu-west-1:123456789012:cluster-snapshot:before",
        "DatabaseProxy": "true",
        "Deployment": "AllAtOnce",
        "Tracing": "PassThrough",
    },
    "in a network of one's own": {
        "VpcId": "vpc-0123456789abcdef0",
        "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
        "FunctionSecurityGroupId": "sg-0123456789abcdef0",
    },
    "with stores of one's own": {
        "VpcId": "vpc-0123456789abcdef0",
        "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
        "FunctionSecurityGroupId": "sg-0123456789abcdef0",
        "DatabaseHost": "db.example.com",
        "DatabaseResourceId": "cluster-ABC",
        "CacheHost": "cache.example.com",
        "CacheName": "shelf",
        "CacheUserId": "shelf-user",
        "IdempotencyTableName": "writes",
        "SigningSecretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:shelf-AbCdEf",
        "JwtPublicKeys": '{"keys":[]}',
        "ReserveConcurrency": "false",
        "DeletionProtection": "false",
    },
}


def read(text=None):
    """The template with the code where `sam package` would have put it."""
    template = yaml_parse(text or TEMPLATE.read_text())
    template["Globals"]["Function"]["CodeUri"] = "s3://code/functions.zip"
    return template


def translate(template, chosen):
    class Session:
        region_name = REGION

    translated = Translator({}, Parser(), boto_session=Session()).translate(template, parameter_values=chosen)
    # Without the dates and sets of YAML.
    return json.loads(json.dumps(translated))


class Deployment:
    """A translated template under one choice of parameters: only what will exist, and no condition any more."""

    def __init__(self, chosen):
        self.template = translate(read(), dict(chosen))
        defaults = {name: about.get("Default") for name, about in self.template["Parameters"].items()}
        self.parameters = PSEUDO | defaults | chosen
        for name, about in self.template["Parameters"].items():
            if about["Type"] == "CommaDelimitedList":
                self.parameters[name] = str(self.parameters[name]).split(",")
        self.resources = {
            name: self.without_conditions({k: v for k, v in about.items() if k != "Condition"})
            for name, about in self.template["Resources"].items()
            if "Condition" not in about or self.holds({"Condition": about["Condition"]})
        }
        self.outputs = self.without_conditions(self.template["Outputs"])

    def holds(self, condition):
        ((function, of),) = condition.items()
        match function:
            case "Condition":
                return self.holds(self.template["Conditions"][of])
            case "Fn::Not":
                return not self.holds(of[0])
            case "Fn::And":
                return all(self.holds(one) for one in of)
            case "Fn::Or":
                return any(self.holds(one) for one in of)
            case "Fn::Equals":
                return str(self.value(of[0])) == str(self.value(of[1]))
        raise AssertionError(f"no condition: {condition}")

    def value(self, expression):
        match expression:
            case {"Ref": name}:
                return self.parameters[name]
            case {"Fn::Join": [separator, parts]}:
                return separator.join(self.value(parts))
        return expression

    def violated_rules(self):
        """The rules for which CloudFormation refuses the parameters."""
        return [
            assertion["AssertDescription"]
            for rule in self.template["Rules"].values()
            if self.holds(rule["RuleCondition"])
            for assertion in rule["Assertions"]
            if not self.holds(assertion["Assert"])
        ]

    def without_conditions(self, value):
        match value:
            case {"Fn::If": [condition, then, otherwise]}:
                return self.without_conditions(then if self.holds({"Condition": condition}) else otherwise)
            case dict():
                values = {key: self.without_conditions(of) for key, of in value.items()}
                return {key: of for key, of in values.items() if of != {"Ref": "AWS::NoValue"}}
            case list():
                values = [self.without_conditions(of) for of in value]
                return [of for of in values if of != {"Ref": "AWS::NoValue"}]
        return value


def references(value):
    """The names that `value` refers to."""
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), _]} | {"Fn::GetAtt": str(name)}:
            yield name.split(".")[0]
        case {"Fn::Sub": str(text)}:
            yield from (name.split(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text))
        case {"Fn::Sub": [str(text), dict(own)]}:
            yield from (name for name in references({"Fn::Sub": text}) if name not in own)
            yield from references(own)
        case dict():
            for of in value.values():
                yield from references(of)
        case list():
            for of in value:
                yield from references(of)


def dependencies(resource):
    """The names that must exist before `resource`."""
    named = resource.get("DependsOn", [])
    yield from [named] if isinstance(named, str) else named
    yield from references({key: of for key, of in resource.items() if key != "DependsOn"})
