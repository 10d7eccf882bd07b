"""Prints the name of the stack of an environment: the one in its section of samconfig.toml."""

import sys
import tomllib
from pathlib import Path

CONFIG = Path(__file__).resolve().parents[2] / "samconfig.toml"

config = tomllib.loads(CONFIG.read_text())
section = config[sys.argv[1]]
# As SAM reads it: the options of the command before those of all commands.
for command in ("deploy", "global"):
    if name := section.get(command, {}).get("parameters", {}).get("stack_name"):
        print(name)
        break
else:
    sys.exit(f"samconfig.toml has no stack_name for {sys.argv[1]}")
