"""The template as CloudFormation sees it: translated by SAM, with parameters, mappings and conditions evaluated."""

import copy
import json
import logging
import re
from functools import lru_cache
from itertools import combinations

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
MAPPINGS = ("Environments", "Existing")
NETWORK = {
    "VpcId": "vpc-0123456789abcdef0",
    "SubnetIds": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    "FunctionSecurityGroupId": "sg-0123456789abcdef0",
}
# What can be chosen beside the defaults, each with all that it needs: parameters, and settings of the environment.
SWITCHES = {
    "alarms": {"AlarmEmail": "ada@example.com"},
    "origins": {"CorsOrigins": "https://app.example.com, https://other.example.com"},
    # part of rl-demo, bf-demo
    "demos": {"Demos": "true"},
    # end of part
    "a snapshot": {"DatabaseSnapshot": f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster-snapshot:before"},
    "an awake database": {"DatabaseMinCapacity": "0.5"},
    "a proxy": {"DatabaseProxy": "true", "DatabaseMinCapacity": "0.5"},
    "a domain": {
        "DomainName": "api.example.com",
        "CertificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/0a1b2c3d-da77-11f0-872e-1234567db123",
        "CloseGatewayName": "true",
    },
    "CloudFront prepared": {"CloudFront": "prepared"},
    "CloudFront": {"CloudFront": "only"},
    "us-east-1": {"AWS::Region": "us-east-1"},
    "reserved executions": {"ReserveConcurrency": "true"},
    "a canary": {"Deployment": "Canary10Percent5Minutes"},
    "tracing": {"Tracing": "Active"},
    "protection": {"DeletionProtection": "true"},
    "a network of one's own": NETWORK,
    "a database of one's own": NETWORK | {"DatabaseHost": "db.example.com", "DatabaseResourceId": "cluster-ABC"},
    "a cache of one's own": NETWORK | {"CacheHost": "cache.example.com", "CacheName": "shelf", "CacheUserId": "user"},
    "a table of one's own": {"IdempotencyTableName": "writes"},
    "a secret of one's own": {
        "SigningSecretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:shelf-AbCdEf",
        "JwtPublicKeys": '{"keys":[]}',
    },
    "roots of one's own": {"TlsRoots": "-----BEGIN CERTIFICATE-----"},
}


def together(names):
    """The choice of these switches."""
    chosen = {}
    for name in names:
        chosen |= SWITCHES[name]
    return chosen


OWN = [name for name in SWITCHES if name.endswith("one's own")]
# Whole deployments.
CHOICES = {
    "as it comes": {},
    "with everything on": together(name for name in SWITCHES if name not in [*OWN, "us-east-1"]),
    "in a network of one's own": together(["a network of one's own"]),
    "with stores of one's own": together(name for name in SWITCHES if name in [*OWN, "demos"]),
}
# Every pair of switches, so that each condition meets each other one in all its values.
PAIRS = {" and ".join(pair): together(pair) for pair in combinations(SWITCHES, 2)}


def translate(text, **parameters):
    """The template `text` as SAM translates it, with the code where `sam package` would have put it."""

    class Session:
        region_name = REGION

    template = yaml_parse(text)
    template["Globals"]["Function"]["CodeUri"] = "s3://code/functions.zip"
    translated = Translator({}, Parser(), boto_session=Session()).translate(template, parameters)
    # Without the dates and sets of YAML.
    return json.loads(json.dumps(translated))


@lru_cache
def translated_template(parameters):
    return translate(TEMPLATE.read_text(), **dict(parameters))


def with_settings(template, chosen):
    """A copy of `template` in whose mappings each environment has the settings that are chosen."""
    template = copy.deepcopy(template)
    for mapping in MAPPINGS:
        for settings in template["Mappings"][mapping].values():
            settings.update({name: chosen[name] for name in settings if name in chosen})
    return template


class Deployment:
    """A translated template under one choice: only what will exist, and no condition any more."""

    def __init__(self, chosen, text=None):
        plain = translated_template(())
        settings = {name for mapping in MAPPINGS for name in plain["Mappings"][mapping]["dev"]}
        parameters = {name: value for name, value in chosen.items() if name in plain["Parameters"]}
        pseudo = {name: value for name, value in chosen.items() if name in PSEUDO}
        unknown = chosen.keys() - parameters.keys() - pseudo.keys() - settings
        assert not unknown, f"the template has no {unknown}"
        translated = translate(text, **parameters) if text else translated_template(tuple(parameters.items()))
        self.template = with_settings(translated, chosen)
        defaults = {name: about.get("Default") for name, about in self.template["Parameters"].items()}
        self.parameters = PSEUDO | pseudo | defaults | parameters
        self.conditions = {}
        self.resources = {
            name: self.without_conditions({k: v for k, v in about.items() if k != "Condition"})
            for name, about in self.template["Resources"].items()
            if "Condition" not in about or self.holds({"Condition": about["Condition"]})
        }
        self.outputs = {
            name: self.without_conditions(about)
            for name, about in self.template["Outputs"].items()
            if "Condition" not in about or self.holds({"Condition": about["Condition"]})
        }

    def holds(self, condition):
        ((function, of),) = condition.items()
        match function:
            case "Condition":
                if of not in self.conditions:
                    self.conditions[of] = self.holds(self.template["Conditions"][of])
                return self.conditions[of]
            case "Fn::Not":
                return not self.holds(of[0])
            case "Fn::And":
                return all(self.holds(one) for one in of)
            case "Fn::Equals":
                return str(self.value(of[0])) == str(self.value(of[1]))
        raise AssertionError(f"no condition: {condition}")

    def value(self, expression):
        """What is known of `expression` before anything exists: resources and their attributes stay names."""
        match expression:
            case {"Ref": name} if name in self.parameters:
                return self.parameters[name]
            case {"Fn::FindInMap": path}:
                found = self.template["Mappings"]
                for name in path:
                    found = found[self.value(name)]
                return found
            case {"Fn::Join": [separator, parts]} if all(isinstance(part, str) for part in self.value(parts)):
                return separator.join(self.value(parts))
            case {"Fn::Split": [separator, text]} if isinstance(self.value(text), str):
                return self.value(text).split(separator)
            case {"Fn::Select": [index, values]} if isinstance(self.value(values), list):
                return self.value(values)[int(self.value(index))]
            case {"Fn::Sub": str(text)} if all(name in self.parameters for name in re.findall(r"\$\{([^!}]+)\}", text)):
                return re.sub(r"\$\{([^!}]+)\}", lambda name: self.parameters[name[1]], text)
            case dict():
                return {key: self.value(of) for key, of in expression.items()}
            case list():
                return [self.value(of) for of in expression]
        return expression

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

    def properties(self, name):
        """The properties of a resource, as far as they are known before anything exists."""
        return self.value(self.resources[name]["Properties"])


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
