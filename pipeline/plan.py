"""From a configuration to the key of every stage, and the reason why a stage is not cached."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from maskdistill.data.errors import InputError, MissingArtifact
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.data.sources.open import open_source
from maskdistill.pipeline.artifacts import ArtifactStore, Manifest, hash_file, hash_key
from maskdistill.pipeline.config import Config, ConfigSource
from maskdistill.pipeline.dag import ALL_STAGES, OPTIONAL_NAMES, STAGE_NAMES, StageSpec

_NAMED_WEIGHTS = (None, "pretrained", "random", *OPTIONAL_NAMES)


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

    Attributes:
        stages: Every stage by name, the optional ones included.
        specs: The stages that a whole run consists of, in order: the last one and all that it depends on.
    """

    def __init__(self, config_source: ConfigSource) -> None:
        self.config_source = config_source
        self.config: Config = config_source.load()
        self.store = ArtifactStore(self.config.artifacts)
        self.stages: dict[str, PlannedStage] = {}
        for spec in ALL_STAGES:
            self.stages[spec.name] = self._plan(spec)
        needed = self.upstream(STAGE_NAMES[-1])
        self.specs = tuple(planned.spec for planned in self.stages.values() if planned.name in needed)

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

    def _plan(self, spec: StageSpec) -> PlannedStage:
        section = getattr(self.config, spec.name)
        settings = section.model_dump(mode="json", exclude=section.unused())
        ingredients: dict[str, Any] = {"stage": spec.name, "version": spec.version, "settings": settings}
        inputs = spec.inputs_for(section)
        ingredients["inputs"] = {name: self.stages[name].key for name in inputs}
        if not spec.inputs:
            ingredients["data"] = self.data_fingerprint
        if spec.uses_seed(section):
            ingredients["seed"] = self.config.seed
        if "weights" in settings:
            ingredients["weights"] = _weights_fingerprint(spec.name, settings.pop("weights"))
        if "import" in settings:
            ingredients["import"] = _file_fingerprint("mine.import", settings.pop("import"), "a COCO annotation file")
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
        """Folder of a finished artifact. Raises MissingArtifact with the command that makes it."""
        if self.manifest(stage) is None:
            raise MissingArtifact(
                f"{needed_by} needs the result of stage {stage} ({self.path(stage)}), which is not there. "
                f"Make it with:\n  maskdistill run {self.config_source.arguments()} --to {stage}"
            )
        return self.path(stage)

    def why_missing(self, stage: str) -> str:
        """Which setting or input sets this stage's key apart from its newest finished artifact."""
        finished = self.store.manifests(stage)
        if self.path(stage).exists():
            return "unfinished; the next run goes on from here"
        if not finished:
            return "never made"
        mine = _flatten(self.stages[stage].ingredients)
        others = [_flatten(manifest.ingredients) for manifest in finished]
        nearest = min(others, key=lambda theirs: len(_changed(mine, theirs)))
        changes = [_describe_change(stage, name, nearest.get(name), mine.get(name)) for name in _changed(mine, nearest)]
        return "; ".join(changes)


def _weights_fingerprint(stage: str, weights: str | None) -> str | None:
    """Names stand for themselves, files for their content: a moved checkpoint is the same checkpoint."""
    if weights in _NAMED_WEIGHTS or weights is None:
        return weights
    return _file_fingerprint(f"{stage}.weights", weights, "a checkpoint")


def _file_fingerprint(field: str, name: str, kind: str) -> str:
    path = Path(name)
    if not path.is_file():
        raise InputError(f"{field}: {name}: no such file; give the path of {kind}")
    stat = path.stat()
    return f"sha256:{_hash_once(path, stat.st_size, stat.st_mtime_ns)}"


@lru_cache(maxsize=16)
def _hash_once(path: Path, size: int, mtime_ns: int) -> str:
    """Hash of a file that several stages may share, and that a run plans with twice."""
    return hash_file(path)


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    def walk() -> Iterator[tuple[str, Any]]:
        for name, value in tree.items():
            if isinstance(value, Mapping):
                yield from _flatten(value, f"{prefix}{name}.").items()
            else:
                yield f"{prefix}{name}", value

    return dict(walk())


def _changed(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    names = [name for name in sorted({*mine, *theirs}) if mine.get(name) != theirs.get(name)]
    # Imported masks depend on no setting: that mined ones have some says nothing.
    return [name for name in names if "import" not in names or name in ("import", "data", "version")]


def _describe_change(stage: str, name: str, old: Any, new: Any) -> str:
    if name.startswith("settings."):
        return f"{stage}.{name.removeprefix('settings.')}: {old} -> {new}"
    if name.startswith("inputs."):
        return f"input {name.removeprefix('inputs.')} changed"
    if name in ("data", "weights", "import"):
        return f"{name} changed"
    return f"{name}: {old} -> {new}"
