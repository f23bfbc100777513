"""From a configuration to the key of every stage, and the reason why a stage is not cached."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from maskdistill.data.coco.content import json_files
from maskdistill.data.edits import Edits
from maskdistill.data.errors import InputError, MissingArtifact
from maskdistill.data.hashes import hash_file
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.open import open_source
from maskdistill.pipeline import readers
from maskdistill.pipeline.artifacts import ArtifactStore
from maskdistill.pipeline.changes import changed_ingredients, describe_changes
from maskdistill.pipeline.config import Config, ConfigSource
from maskdistill.pipeline.dag import ALL_STAGES, CLUSTER, CURATE, OPTIONAL_NAMES, StageSpec
from maskdistill.pipeline.edits import edits_path, found_edits
from maskdistill.pipeline.integrity import check_sound
from maskdistill.pipeline.manifest import Manifest, hash_key
from maskdistill.pipeline.remote.bucket import Bucket
from maskdistill.pipeline.remote.store import RemoteStore
from maskdistill.stages.curate.config import STANDS_IN_FOR, curated_in_place
from maskdistill.stages.settings import StageSettings
from maskdistill.stages.weights import check_weights_file


@dataclass(frozen=True)
class PlannedStage:
    """A stage with the key that this configuration gives it, and the stages whose artifacts it then reads."""

    spec: StageSpec
    key: str
    inputs: tuple[str, ...]
    ingredients: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the stage."""
        return self.spec.name


class Plan:
    """A configuration, its images, and the artifacts that belong to it.

    Args:
        config_source: The configuration.
        stages: All stages that there are, in order; the last one is what a run is for.

    Attributes:
        stages: Every stage by name, those included that nothing here depends on.
        specs: The stages that a whole run consists of, in order: the last one and all that it depends on.
        edits: What was changed by hand.
    """

    def __init__(self, config_source: ConfigSource, stages: Sequence[StageSpec] = ALL_STAGES) -> None:
        self.config_source, self._specs = config_source, stages
        self.config: Config = config_source.load()
        self.store = ArtifactStore(self.config.artifacts)
        self.stages: dict[str, PlannedStage] = {}
        self._curate, self.edits = self.config.curate, Edits()
        # Optional stages last: they take over files from the others, which is where a user has named them.
        for spec in sorted(stages, key=lambda spec: spec.name in OPTIONAL_NAMES):
            _check_files(spec.name, self.settings(spec.name))
        for spec in stages:
            if spec.name == CURATE.name:
                key = self.stages[CLUSTER.name].key
                self._curate, self.edits = found_edits(self.config.curate, self.config.artifacts, key)
            self.stages[spec.name] = self._plan(spec)
        needed = self.upstream(stages[-1].name)
        self.specs = tuple(planned.spec for planned in self.stages.values() if planned.name in needed)

    def varied(self, *overrides: str) -> "Plan":
        """The same with other settings, each as "section.field=value"."""
        source = ConfigSource(self.config_source.paths, (*self.config_source.overrides, *overrides))
        return Plan(source, self._specs)

    @cached_property
    def source(self) -> ImageSource:
        """The images."""
        return open_source(self.config.data)

    @cached_property
    def data_fingerprint(self) -> str:
        """Fingerprint of the images; computed once, as it asks the file system about every one of them."""
        return self.source.fingerprint()

    @cached_property
    def labels_fingerprint(self) -> str | None:
        """Fingerprint of the ground truth, for the evaluation; None where there is none."""
        return self.source.labels_fingerprint()

    @cached_property
    def remote(self) -> RemoteStore | None:
        """Where artifacts are kept beyond this machine; None without one. Raises InputError where it cannot be used."""
        url = self.config.execution.store
        return None if url is None else RemoteStore(Bucket.open(url))

    @property
    def edits_file(self) -> Path:
        """Where edits are written, and read from where there are any: the file that is set, or else the usual one."""
        named = self._curate.files().get("edits")
        return edits_path(self.store.root, self.stages[CLUSTER.name].key) if named is None else named.expanduser()

    @property
    def n_clusters(self) -> int | None:
        """Number of clusters; with `cluster.k: auto` as it was found, and None before that."""
        k, added = self.config.cluster.k, self.edits.clusters.added
        if k != "auto":
            return k + added
        made = self.manifest("cluster")
        return None if made is None else int(made.metrics["clusters"]) + added

    def settings(self, stage: str) -> StageSettings:
        """The settings of a stage."""
        if stage == CURATE.name:
            return self._curate
        section: StageSettings = getattr(self.config, stage)
        return section

    def _plan(self, spec: StageSpec) -> PlannedStage:
        section = self.settings(spec.name)
        settings, inputs = section.used(), section.inputs()
        if self.edits.effect and spec.name != CURATE.name:
            inputs = curated_in_place(inputs)
        ingredients: dict[str, Any] = {"stage": spec.name, "version": section.version, "settings": settings}
        ingredients["inputs"] = {name: self.stages[name].key for name in inputs}
        ingredients["data"] = self.data_fingerprint
        if section.uses_seed():
            ingredients["seed"] = self.config.seed
        ingredients["files"] = {
            name: section.digest(path) or _fingerprint(path) for name, path in section.files().items()
        }
        for name in ingredients["files"]:
            _remove(settings, name)
        return PlannedStage(spec, hash_key(ingredients), inputs, ingredients)

    def upstream(self, stage: str) -> tuple[str, ...]:
        """The stages that one depends on, and itself, in order."""
        needed = {stage}
        for planned in reversed(self.stages.values()):
            if planned.name in needed:
                needed.update(planned.inputs)
        return tuple(name for name in self.stages if name in needed)

    def path(self, stage: str) -> Path:
        """Folder of the artifact that this configuration gives a stage."""
        return self.store.path(stage, self.stages[stage].key)

    def manifest(self, stage: str) -> Manifest | None:
        """Manifest of that artifact; None where it has not been made."""
        return self.store.manifest(stage, self.stages[stage].key)

    def require(self, stage: str, needed_by: str) -> Path:
        """Folder of a finished artifact that is to be used.

        Raises:
            MissingArtifact: It is not there; the text holds the command that makes it.
            CorruptArtifact: It is damaged; the text holds the command that removes what is.
        """
        manifest, arguments = self.manifest(stage), self.config_source.arguments()
        if manifest is None:
            in_run = any(spec.name == stage for spec in self.specs)
            raise MissingArtifact(
                f"{needed_by} needs the result of stage {stage} ({self.path(stage)}), which is not there. Make it with:"
                f"\n  maskdistill {f'run {arguments} --to {stage}' if in_run else f'stage {stage} {arguments}'}"
            )
        remedy = f"remove what is damaged with:\n  maskdistill verify {arguments} --repair\nand run again"
        check_sound(self.path(stage), manifest, remedy)
        return self.path(stage)

    def folders(self, stages: Iterable[str], needed_by: str) -> dict[str, Path]:
        """Folders of finished artifacts; those that were curated stand for the ones that they were made from.

        Raises as `require` does.
        """
        found = {name: self.require(name, needed_by) for name in stages}
        if CURATE.name in found:
            found |= dict.fromkeys(STANDS_IN_FOR, found[CURATE.name])
        return found

    def reading(self, stages: Iterable[str]) -> AbstractContextManager[None]:
        """For as long as the artifacts of some stages are read: nobody deletes or replaces them meanwhile."""
        return readers.reading([self.store.readers_file(name, self.stages[name].key) for name in stages])

    def why_missing(self, stage: str) -> str:
        """Which setting or input sets this stage's key apart from its newest finished artifact."""
        finished = self.store.manifests(stage)
        if self.path(stage).exists():
            return "unfinished; the next run goes on from here"
        if not finished:
            return "never made"
        mine = self.stages[stage].ingredients
        return describe_changes(
            min((changed_ingredients(manifest.ingredients, mine) for manifest in finished), key=len)
        )


def _check_files(stage: str, settings: StageSettings) -> None:
    """Raise InputError where a file of the user is not there."""
    for setting, named in settings.files().items():
        path = named.expanduser()
        if path.is_dir() and not json_files(path):
            raise InputError(f"{stage}.{setting}: {path}: a folder; give the path of a file in it")
        if not path.exists():
            raise InputError(f"{stage}.{setting}: {path}: no such file; give the path of one that is there")
        if setting.endswith("weights"):
            check_weights_file(path, f"{stage}.{setting}: {path}")


def _fingerprint(path: Path) -> str:
    """Hash of a user's file, or of the JSON files of a folder: a moved checkpoint is the same checkpoint."""
    path = path.expanduser()
    if path.is_dir():
        return f"sha256:{hash_key({file.relative_to(path).as_posix(): _hash_file(file) for file in json_files(path)})}"
    return f"sha256:{_hash_file(path)}"


def _hash_file(path: Path) -> str:
    stat = path.stat()
    return _hash_once(path, stat.st_size, stat.st_mtime_ns)


def _remove(settings: dict[str, Any], name: str) -> None:
    """Take a dotted setting out, in place."""
    *sections, field = name.split(".")
    for section in sections:
        settings = settings[section]
    settings.pop(field)


@lru_cache(maxsize=1024)
def _hash_once(path: Path, size: int, mtime_ns: int) -> str:
    """Hash of a file that several stages may share, and that a run plans with twice."""
    return hash_file(path)
