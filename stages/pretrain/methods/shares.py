"""Shares of a training, as settings give them. No torch."""

Share = tuple[float, float]
"""Two fractions of the training, 0 to 1: where something starts to rise from 0, and where it has reached 1."""
