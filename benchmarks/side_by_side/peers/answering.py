"""The peers' side of the conversation: say ready, then one JSON line for every line read."""

import json
import sys
from collections.abc import Callable


def options() -> dict:
    """What the harness asks for."""
    return json.loads(sys.argv[1])


def answer(about: dict, round_: Callable[[], dict]) -> None:
    """Tells what this peer is, then runs one round for every request."""
    print(json.dumps(about), flush=True)
    for _ in sys.stdin:
        print(json.dumps(round_()), flush=True)


def missing(error: ImportError) -> None:
    """Tells that this peer is not installed, and ends."""
    print(json.dumps({"missing": str(error)}), flush=True)
    sys.exit(0)
