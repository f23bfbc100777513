"""The results of a run that is finished, whatever has become of its images since."""

import copy
import shlex
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from maskdistill.data.errors import InputError
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.open import open_source
from maskdistill.data.sources.recorded import NoImages, RecordedImages
from maskdistill.pipeline.artifacts import ArtifactStore
from maskdistill.pipeline.changes import changed_ingredients
from maskdistill.pipeline.config import ConfigSource, modern
from maskdistill.pipeline.dag import ALL_STAGES, StageSpec
from maskdistill.pipeline.image_records import describe_difference, read_record
from maskdistill.pipeline.manifest import Manifest, read_manifest
from maskdistill.pipeline.plan import Plan


@dataclass(frozen=True)
class RecordedConfig(ConfigSource):
    """The configuration of a finished artifact, named by the artifact's folder.

    Attributes:
        settings: All of them, as the manifest holds them.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self) -> str:
        """The option that names the artifact."""
        return " ".join(f"--artifact {shlex.quote(str(path))}" for path in self.paths)

    def tree(self, gpu: bool) -> dict[str, Any]:
        """All settings; no profile changes them any more."""
        return modern(copy.deepcopy(dict(self.settings)), str(self.paths[0]))


class FinishedPlan(Plan):
    """A plan for looking at results: where its own are not there, it is that of the last run with these settings.

    That is a run over other images: since then some are gone, new or changed, or the folder has moved. A warning says
    so, and how many.

    Args:
        config_source: The configuration.
        stage: The stage whose result is wanted; None = those of the whole run, finished or not.
        stages: All stages that there are.
        chosen: The artifact to look at, whatever the configuration is now; None = the one of the configuration.
    """

    def __init__(
        self,
        config_source: ConfigSource,
        stage: str | None = None,
        stages: Sequence[StageSpec] = ALL_STAGES,
        chosen: Manifest | None = None,
    ) -> None:
        super().__init__(config_source, stages)
        self._now = self.stages
        self._last = chosen or self._last_run(stage)
        if self._last is not None:
            self.stages = {**self.stages, **dict(self._stages_of(self._last))}
            if self._last.ingredients["data"] != self.data_fingerprint:
                self._warn(self._last)

    @classmethod
    def of_artifact(cls, folder: Path, manifest: Manifest) -> "FinishedPlan":
        """The plan of the run that made an artifact, in a store of whatever place."""
        settings = {**manifest.config, "artifacts": str(folder.parent.parent)}
        return cls(RecordedConfig((folder,), (), settings), manifest.stage, chosen=manifest)

    @cached_property
    def data_fingerprint(self) -> str:
        """Fingerprint of the images; empty where they cannot be found."""
        return "" if isinstance(self.source_now, NoImages) else self.source_now.fingerprint()

    @cached_property
    def source_now(self) -> ImageSource:
        """The images as they are now; none where they cannot be found."""
        try:
            return open_source(self.config.data)
        except InputError as error:
            return NoImages(str(error))

    @cached_property
    def source(self) -> ImageSource:
        """The images of the run, as far as they are still there."""
        then = self._last.ingredients["data"] if self._last else self.data_fingerprint
        record = None if then == self.data_fingerprint else read_record(self.store, then)
        if record is None:
            return self.source_now
        return RecordedImages(tuple(record.states), record.n_train, self.source_now)

    def _last_run(self, stage: str | None) -> Manifest | None:
        """The newest artifact that differs in its images alone; None where this configuration has its own."""
        if self.manifest(stage) if stage else any(self.path(name).exists() for name in self.stages):
            return None
        names = [stage] if stage else [spec.name for spec in reversed(self.specs)]
        return next((found for name in names if (found := self._newest(name))), None)

    def _newest(self, stage: str) -> Manifest | None:
        planned = self._now[stage].ingredients
        for manifest in self.store.manifests(stage):
            if changed_ingredients(manifest.ingredients, planned, self._find).keys() == {"data"}:
                return manifest
        return None

    def _find(self, stage: str, key: str) -> Mapping[str, Any] | None:
        if key == self._now[stage].key:
            return self._now[stage].ingredients
        manifest = self.store.manifest(stage, key)
        return manifest.ingredients if manifest else None

    def _stages_of(self, last: Manifest) -> list[tuple[str, Any]]:
        """The stages of the run that made an artifact, with its keys."""
        keys, found = {last.stage: last.key}, []
        for name in reversed(self.stages):
            manifest = self.store.manifest(name, keys[name]) if name in keys else None
            if manifest is not None:
                keys |= manifest.ingredients["inputs"]
                made_from = manifest.ingredients
                planned = replace(
                    self.stages[name], key=manifest.key, inputs=tuple(made_from["inputs"]), ingredients=made_from
                )
                found.append((name, planned))
            elif name in keys:
                found.append((name, replace(self.stages[name], key=keys[name])))
        return found

    def _warn(self, last: Manifest) -> None:
        record, now = read_record(self.store, last.ingredients["data"]), self.source_now
        if isinstance(now, NoImages):
            what = f"and its images cannot be found any more ({now.reason})"
        elif record is None:
            what = "and its images have changed since"
        else:
            states = now.states()
            what = describe_difference(record.states, {name: states.get(name, "") for name in now.ids})
        names = ", ".join(map(str, self.config_source.paths))
        warnings.warn(
            f"{names}: this is the result of the run of {last.started[:16].replace('T', ' ')} UTC "
            f"({last.stage}/{last.key}); {what}",
            stacklevel=4,
        )


def open_artifact(name: str, store: ArtifactStore, stages: Sequence[str], option: str) -> tuple[Path, Manifest]:
    """The finished artifact that a user names by its folder, its key, or the beginning of its key.

    Args:
        name: What was typed.
        store: Where keys are looked up.
        stages: The stages whose artifacts will do.
        option: The option that names it, for messages.

    Raises:
        InputError: It is no finished artifact, of several stages, or of another stage.
    """
    folder = Path(name)
    if name and folder.is_dir():
        manifest = read_manifest(folder)
        if manifest is None:
            raise InputError(f"{option} {name}: no finished artifact; name a folder <artifacts>/<stage>/<key>")
    else:
        manifest = store.find(name, option)
        folder = store.path(manifest.stage, manifest.key)
    if manifest.stage not in stages:
        raise InputError(f"{option} {name}: an artifact of {manifest.stage}; one of {', '.join(stages)} is needed")
    return folder, manifest
