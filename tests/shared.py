"""Where the recorded market data, payloads and specs are: `../shared` or $HOLDFAST_SHARED; tests skip without them."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("HOLDFAST_SHARED", Path(__file__).parents[2] / "shared"))


def shared_path(relative: str) -> Path:
    """The path of shared material, or skip the test with the reason."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"shared material is absent: {relative} (set HOLDFAST_SHARED)")
    return path
