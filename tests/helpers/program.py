"""The command line, called from a test."""

import json
from typing import Any

import pytest

from regard import cli


def run_json(capsys: pytest.CaptureFixture[str], *line: object) -> dict[str, Any]:
    """The JSON object that a command prints; it must succeed."""
    capsys.readouterr()
    assert cli.main([*map(str, line), "--json", "--quiet"]) == 0
    return json.loads(capsys.readouterr().out)
