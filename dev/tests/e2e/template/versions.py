"""A changed value reaches the functions in new versions, and nothing else makes versions.

Lambda refuses a version that has the code and the settings of the last one, and a version is what serves. So each value
that changes a setting must change the digest of `Settings`, which is part of both.
"""

import re

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from sources import TEMPLATE
from translation import PSEUDO, REGION, SWITCHES, Deployment, references, translate

# What Lambda keeps apart from versions.
UNVERSIONED = {"Tags", "ReservedConcurrentExecutions"}
# Values beside the switches.
OTHERS = {
    "Revision": {"Revision": "2"},
    "LogLevel": {"LogLevel": "debug"},
    "DatabaseName": {"DatabaseName": "other"},
    "DatabaseAdmin": {"DatabaseAdmin": "root"},
}


def versioned(deployment):
    """The versioned properties of the functions that have versions, without the digest."""
    versions = [about for about in deployment.resources.values() if about["Type"] == "AWS::Lambda::Version"]
    found = {}
    for version in versions:
        name = version["Properties"]["FunctionName"]["Ref"]
        properties = deployment.properties(name)
        assert "${Settings.Digest}" in properties.pop("Description")["Fn::Sub"], f"{name} does not have the digest"
        assert version["Properties"]["Description"] == {"Fn::GetAtt": ["Settings", "Digest"]}, name
        found[name] = {key: of for key, of in properties.items() if key not in UNVERSIONED}
    return found


def digested(deployment):
    return deployment.properties("Settings")["Values"]


def logical_ids(text, **parameters):
    resources = translate(text, **parameters)["Resources"]
    return {name for name, about in resources.items() if about["Type"] == "AWS::Lambda::Version"}


# CloudFormation replaces a version that has another description, by its own schema of the resource.
schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, "AWS::Lambda::Version").schema
assert "/properties/Description" in schema["createOnlyProperties"], schema["createOnlyProperties"]

plain = Deployment({})
for name, chosen in (SWITCHES | OTHERS).items():
    if "AWS::Region" in chosen:
        continue
    changed = Deployment(chosen)
    before, after = versioned(plain), versioned(changed)
    arrives = any(before[function] != after[function] for function in before.keys() & after.keys())
    digest_differs = digested(plain) != digested(changed)
    assert digest_differs or not arrives, f"{name} changes functions, and Settings does not know"
    print(f"{name}: {'new versions' if digest_differs else 'no new versions'}")

# What only exists in AWS may change there: an address, or keys.
everything = Deployment(SWITCHES["a proxy"] | SWITCHES["CloudFront"])
known = set(references(digested(everything)))
# These keep their names for as long as they exist, or are made from the stack's name.
fixed = re.compile(r"AWS::.*|\w+(Log|FunctionRole|CacheUser)")
for function, properties in versioned(everything).items():
    unknown = {name for name in references(properties) if not fixed.fullmatch(name)} - known - PSEUDO.keys()
    assert not unknown, f"{function} has values of {unknown}, and Settings does not know them"

# Another text of what is not versioned must make no version, since Lambda would refuse it.
text = TEMPLATE.read_text()
reserved = re.sub(r"(\w+: \{ Reserved: '\d+)' \}", r"\g<1>1' }", text)
assert text != reserved and logical_ids(text) == logical_ids(reserved), "a version without a difference is refused"
assert logical_ids(text) == logical_ids(text, Revision="2"), "the digest makes the versions"
longer = re.sub(r"^( +Timeout: \d)", r"\g<1>1", text, flags=re.M)
assert not logical_ids(text) & logical_ids(longer), "another time limit is another version"
