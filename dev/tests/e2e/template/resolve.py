"""Every reference of the translated template resolves for every choice of parameters, and its steps run in order."""

from graphlib import TopologicalSorter

from sources import TEMPLATE
from translation import CHOICES, Deployment, dependencies, read, references, translate


def versions(text, **chosen):
    resources = translate(read(text), chosen)["Resources"]
    return {name for name, about in resources.items() if about["Type"] == "AWS::Lambda::Version"}


def awaited(graph, name):
    """All resources that must exist before `name`."""
    found, open_ends = set(), [name]
    while open_ends:
        new = graph.get(open_ends.pop(), set()) - found
        found |= new
        open_ends.extend(new)
    return found


NEEDED_FOR_KEYS = {"BucketEndpoint", "SecretEndpoint", "SubnetARoutes", "SubnetBRoutes", "SigningSecret"}
NEEDED_TO_MIGRATE = NEEDED_FOR_KEYS - {"SigningSecret", "SecretEndpoint"} | {"DatabaseInstance", "ReachDatabase"}

for choice, chosen in CHOICES.items():
    deployment = Deployment(chosen)
    assert deployment.violated_rules() == [], (choice, deployment.violated_rules())
    known = deployment.resources.keys() | deployment.parameters.keys()
    graph = {}
    for name, resource in deployment.resources.items():
        missing = set(dependencies(resource)) - known
        assert not missing, f"{choice}: {name} refers to {missing}"
        graph[name] = set(dependencies(resource)) & deployment.resources.keys()
    missing = set(references(deployment.outputs)) - known
    assert not missing, f"{choice}: the outputs refer to {missing}"
    # Raises where two resources wait for each other.
    TopologicalSorter(graph).prepare()
    for function in ["BooksFunction", "AuthFunction", "SystemFunction"]:
        assert "Migrate" in awaited(graph, function), f"{choice}: {function} changes before the schema does"
    missing = (NEEDED_TO_MIGRATE & graph.keys()) - awaited(graph, "Migrate")
    assert not missing, f"{choice}: migrate may run without {missing}"
    missing = (NEEDED_FOR_KEYS & graph.keys()) - awaited(graph, "SigningKeys")
    assert "SigningKeys" not in graph or not missing, f"{choice}: the keys may be made without {missing}"
    print(f"{choice}: {len(deployment.resources)} resources")

refused = {
    "a network without its parts": {"VpcId": "vpc-1"},
    "a database without a network": {"DatabaseHost": "db.example.com", "DatabaseResourceId": "db-ABC"},
    "a cache without its name": {"CacheHost": "c", "VpcId": "vpc-1", "FunctionSecurityGroupId": "sg-1"},
    "a secret without public keys": {"SigningSecretArn": "arn:aws:secretsmanager:::secret:s"},
    "a proxy before a database that pauses": {"DatabaseProxy": "true"},
}
for what, chosen in refused.items():
    assert Deployment(chosen).violated_rules(), f"{what} is accepted"

# As the comment on `Revision` and the runbook say.
text = TEMPLATE.read_text()
assert versions(text) == versions(text, JwtPublicKeys='{"keys":[]}'), "a parameter makes a version: simplify the runbook"
assert not versions(text) & versions(text.replace("Revision: '1'", "Revision: '2'")), "a new revision starts everything anew"

body = Deployment(CHOICES["with everything on"]).resources["Api"]["Properties"]["Body"]
assert body["x-amazon-apigateway-cors"]["allowOrigins"] == {
    "Fn::Split": [",", CHOICES["with everything on"]["CorsOrigins"]]
}, body["x-amazon-apigateway-cors"]
assert "x-amazon-apigateway-cors" not in Deployment({}).resources["Api"]["Properties"]["Body"]
