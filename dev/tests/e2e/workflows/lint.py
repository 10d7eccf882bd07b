"""What GitHub reads has the form that GitHub asks for, and zizmor finds no weakness in it. Nothing is downloaded."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
GITHUB = FOLDER.parents[3] / ".github"


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[0]}: {done.stdout}\n{done.stderr}"


def validate(schema, *files):
    assert files, schema
    run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *files)
    print(f"{len(files)} of {schema}", end=", ")


workflows = sorted(GITHUB.glob("workflows/*"))
validate("vendor.github-workflows", *workflows)
validate("vendor.dependabot", GITHUB / "dependabot.yaml")
forms = set(GITHUB.glob("ISSUE_TEMPLATE/*"))
config = GITHUB / "ISSUE_TEMPLATE/config.yml"
validate("vendor.github-issue-forms", *sorted(forms - {config}))
validate("vendor.github-issue-config", config)

# Where the installer puts programs depends on it.
places = [parent / "bin/zizmor" for path in sys.path for parent in (Path(path), Path(path).parents[2])]
zizmor = next(place for place in places if place.is_file())
run(zizmor, "--offline", "--no-progress", "--config", FOLDER / "zizmor.yml", GITHUB)
print("zizmor finds nothing")
