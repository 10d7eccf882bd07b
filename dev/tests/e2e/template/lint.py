"""The linters of AWS find nothing in the template and in samconfig.toml."""

import subprocess
import sys

from sources import ROOT, TEMPLATE

CFN_LINT = "import sys; from cfnlint.runner import main; sys.exit(main())"


def run(name, *arguments):
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{name}: {done.stdout}\n{done.stderr}"
    print(name, "finds nothing")


# Warnings and remarks count too.
run("cfn-lint", "-c", CFN_LINT, "--non-zero-exit-code", "informational", "--include-checks", "I", "--", TEMPLATE)
run("sam validate --lint", "-m", "samcli", "validate", "--lint")
