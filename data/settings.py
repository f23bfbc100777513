"""The base of every configuration section."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Frozen, and closed to unknown fields: a misspelt setting is an error, never ignored. Numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def unused(self) -> set[str]:
        """Fields that change nothing under the other settings, so that they are no part of an artifact's key."""
        return set()

    def used(self) -> dict[str, Any]:
        """All other fields as JSON values, those of sections within this one likewise."""
        values = self.model_dump(mode="json", exclude=self.unused())
        sections = {name: getattr(self, name) for name in values if isinstance(getattr(self, name), Settings)}
        return values | {name: section.used() for name, section in sections.items()}
