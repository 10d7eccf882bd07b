"""Every reference of the translated template resolves for every choice, and its steps run in order."""

from graphlib import TopologicalSorter

from translation import CHOICES, PAIRS, SWITCHES, Deployment, dependencies, references


def awaited(graph, name):
    """All resources that must exist before `name`."""
    found, open_ends = set(), [name]
    while open_ends:
        new = graph.get(open_ends.pop(), set()) - found
        found |= new
        open_ends.extend(new)
    return found


NEEDED_TO_ANSWER = {"BucketEndpoint", "SubnetARoutes", "SubnetBRoutes"}
NEEDED_TO_MIGRATE = NEEDED_TO_ANSWER | {"DatabaseInstance", "ReachDatabase"}
NEEDED = {
    "Migrate": NEEDED_TO_MIGRATE,
    "Settings": NEEDED_TO_ANSWER,
    "SigningKeys": NEEDED_TO_MIGRATE | {"SecretEndpoint", "SigningSecret"},
    "OriginSecretDigests": NEEDED_TO_MIGRATE | {"SecretEndpoint", "OriginSecret"},
}


def served_with_a_database(deployment):
    """The functions that requests reach and that use the database."""
    for name, resource in deployment.resources.items():
        if resource["Type"] == "AWS::Lambda::Function" and name != "MaintenanceFunction":
            if "DATABASE_URL" in deployment.properties(name)["Environment"]["Variables"]:
                yield name


def check(choice, chosen):
    deployment = Deployment(chosen)
    known = deployment.resources.keys() | deployment.parameters.keys()
    graph = {}
    for name, resource in deployment.resources.items():
        missing = set(references({k: v for k, v in resource.items() if k != "DependsOn"})) - known
        assert not missing, f"{choice}: {name} refers to {missing}"
        graph[name] = set(dependencies(resource)) & deployment.resources.keys()
    missing = set(references(deployment.outputs)) - known
    assert not missing, f"{choice}: the outputs refer to {missing}"
    # Raises where two resources wait for each other.
    TopologicalSorter(graph).prepare()
    for function in served_with_a_database(deployment):
        assert "Migrate" in awaited(graph, function), f"{choice}: {function} changes before the schema does"
        alias = deployment.resources[f"{function}Aliaslive"]
        hook = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["BeforeAllowTrafficHook"]
        assert hook == {"Ref": "SmokeTestFunction"}, f"{choice}: {function} takes over untested"
    for step, needed in NEEDED.items():
        missing = (needed & graph.keys()) - awaited(graph, step)
        assert step not in graph or not missing, f"{choice}: {step} may run without {missing}"
    users = [name for name, resource in deployment.resources.items() if resource["Type"] == "AWS::ElastiCache::User"]
    for before, user in zip(users, users[1:]):
        assert before in awaited(graph, user), f"{choice}: {before} and {user} change at the same time"
    # The demonstrations exist on request alone, and nothing refers to them otherwise.
    demos = [name for name in graph if "Demo" in name]
    assert bool(demos) == (deployment.parameters.get("Demos") == "true"), f"{choice}: {demos}"
    return len(deployment.resources)


for choice, chosen in CHOICES.items():
    print(f"{choice}: {check(choice, chosen)} resources")
for choice, chosen in PAIRS.items():
    check(choice, chosen)
print(f"{len(PAIRS)} pairs of {len(SWITCHES)} switches")

origins = Deployment(CHOICES["with everything on"]).properties("Api")["Body"]["x-amazon-apigateway-cors"]["allowOrigins"]
assert origins == ["https://app.example.com", "https://other.example.com"], origins
assert "x-amazon-apigateway-cors" not in Deployment({}).resources["Api"]["Properties"]["Body"]
