"""What a self-attention layer makes of every token, by name. No torch."""

from typing import Literal, get_args

Projection = Literal["queries", "keys", "values"]

PROJECTIONS: tuple[Projection, ...] = get_args(Projection)
"""In the order in which a layer that computes all three at once holds them."""
