"""The paths of the project's files."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
TEMPLATE = ROOT / "template.yaml"
FRONT = ROOT / "front.yaml"
