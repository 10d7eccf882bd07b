"""Two stacks in one account, or on one store, have no name in common."""

from translation import CHOICES, PSEUDO, Deployment

OTHER = {
    "AWS::StackName": "Other",
    "AWS::StackId": PSEUDO["AWS::StackId"].replace("Shelf/0a1b2c3d", "Other/99999999"),
}
# Properties that are names in an account or on a store, where they are no reference to another resource.
NAMES = {
    "AccessString",
    "DBProxyName",
    "FunctionName",
    # part of auth, books
    "JWT_AUDIENCE",
    "JWT_ISSUER",
    # end of part
    "LogGroupName",
    "STACK_NAME",
    "ServerlessCacheName",
    "UserGroupId",
    "UserId",
    "UserName",
}


def names(value, path=()):
    match value:
        case dict():
            dimensions = value.get("Dimensions", []) if value.get("Namespace") == "Bookshelf" else []
            if dimensions:
                yield (*path, "Dimensions"), str(dimensions)
            for key, of in value.items():
                if key in NAMES and isinstance(of, str):
                    yield (*path, key), of
                else:
                    yield from names(of, (*path, key))
        case list():
            for number, of in enumerate(value):
                yield from names(of, (*path, number))


chosen = CHOICES["with everything on"]
one, other = Deployment(chosen), Deployment(chosen | OTHER)
for resource in one.resources:
    pairs = zip(names(one.properties(resource)), names(other.properties(resource)), strict=True)
    for (path, mine), (_, theirs) in pairs:
        assert mine != theirs, f"{resource}: {path} is {mine} in both stacks"
named = {path[-1] for resource in one.resources for path, _ in names(one.properties(resource))}
assert NAMES | {"Dimensions"} == named, NAMES ^ named
print(f"{len(named)} kinds of names differ")
