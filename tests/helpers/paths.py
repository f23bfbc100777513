"""Where the tests find what lies beside them."""

from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
GOLDEN = TESTS / "golden"
SHARED = ROOT.parent / "shared"
"""Real photos and weights, beside the checkout where they are there at all; they are no part of the project."""
