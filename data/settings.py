"""The base of every configuration section."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Frozen, and closed to unknown fields: a misspelt setting is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def unused(self) -> set[str]:
        """Fields that change nothing under the other settings, so that they are no part of an artifact's key."""
        return set()
