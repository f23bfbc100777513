"""The configuration of a run: YAML files, dotted overrides, and errors that name the nearest valid field."""

import difflib
import json
import reprlib
import shlex
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from maskdistill.data.config import DataConfig
from maskdistill.data.errors import InputError
from maskdistill.data.settings import Settings
from maskdistill.data.typed import Problem, read_section
from maskdistill.pipeline.config_files import config_names, read_config
from maskdistill.pipeline.config_trees import data_kind, data_models, location_of, merge, typed_at
from maskdistill.pipeline.followers import annotated_alike, filled, for_clusters, on_stored, with_vit
from maskdistill.pipeline.health_config import HealthConfig
from maskdistill.pipeline.overrides import parse_override
from maskdistill.pipeline.profiles import chosen_profile, has_gpu
from maskdistill.stages.cluster.config import ClusterConfig
from maskdistill.stages.contract import ExecutionConfig
from maskdistill.stages.correspond.config import CorrespondConfig
from maskdistill.stages.curate.config import CurateConfig
from maskdistill.stages.distill.config import DistillConfig
from maskdistill.stages.evaluate.config import EvaluateConfig
from maskdistill.stages.features.config import FeaturesConfig
from maskdistill.stages.filter.config import FilterConfig
from maskdistill.stages.imitate.config import ImitateConfig
from maskdistill.stages.mine.config import MineConfig
from maskdistill.stages.old_names import modernise
from maskdistill.stages.pretrain.config import PretrainConfig
from maskdistill.stages.segment.config import SegmentConfig

_MESSAGES = {
    "path_type": "must be a path",
    "model_type": "must be a section, its settings in the lines below it",
    "model_attributes_type": "must be a section, its settings in the lines below it",
}
"""What is said in place of pydantic's words for Python types."""
_GOT = reprlib.Repr()
_GOT.maxstring = _GOT.maxother = 120


class Config(Settings):
    """Everything a run depends on. Sections are named after the stage that reads them."""

    data: DataConfig
    pretrain: PretrainConfig = Field(default_factory=PretrainConfig)
    features: FeaturesConfig = Field(default_factory=FeaturesConfig)
    correspond: CorrespondConfig = Field(default_factory=CorrespondConfig)
    imitate: ImitateConfig = Field(default_factory=ImitateConfig)
    mine: MineConfig = Field(default_factory=MineConfig)
    cluster: ClusterConfig = Field(default_factory=ClusterConfig)
    curate: CurateConfig = Field(default_factory=CurateConfig)
    distill: DistillConfig = Field(default_factory=DistillConfig)
    filter: FilterConfig = Field(default_factory=FilterConfig)
    segment: SegmentConfig = Field(default_factory=SegmentConfig)
    evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig)
    profile: str = "none"
    """Settings over those of the file that asks for it: `cpu`, `none`, or `auto` = `cpu` where there is no GPU."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Base of every random number."""
    health: HealthConfig = Field(default_factory=HealthConfig)
    artifacts: Path = Path("artifacts")
    """Folder in which the stages keep what they make; several configurations may share it."""
    execution: ExecutionConfig = Field(default_factory=ExecutionConfig)

    def resolved(self) -> "Config":
        """The same with the settings filled in that one stage takes over from another."""
        vit = ("model", "weights", "normalise")
        features = filled(self.features, self.mine, vit)
        update = {
            "mine": annotated_alike(self.mine, self.data.annotation_frame),
            "features": features,
            "correspond": for_clusters(filled(self.correspond, features, vit), self.cluster),
            "imitate": filled(self.imitate, self.mine, vit),
            "cluster": filled(self.cluster, self.mine, vit),
            "distill": with_vit(on_stored(self.distill.resolved(), features, "distill"), self.mine),
            "segment": with_vit(on_stored(self.segment, features, "segment"), self.mine),
        }
        return self.model_copy(update=update)


@dataclass(frozen=True)
class ConfigSource:
    """Where a configuration comes from: what has to be typed to get it again."""

    paths: tuple[Path, ...]
    """What `-c` named, as it was typed: YAML files, or names of those that come with the package; a later one changes
    settings of an earlier one."""
    overrides: tuple[str, ...] = ()
    """Settings to change in the end, as "section.field=value"."""

    @classmethod
    def of(
        cls, config: str | Path | Sequence[str | Path], overrides: Mapping[str, Any] | None = None
    ) -> "ConfigSource":
        """The same from Python.

        Args:
            config: YAML files, or names of experiments that come with the package ("demo"), as `-c` takes them.
            overrides: Settings to change in the end, for example {"cluster.k": 20, "data.root": "photos"}.
        """
        paths = (config,) if isinstance(config, str | Path) else config
        settings = (f"{name}={json.dumps(value, default=str)}" for name, value in (overrides or {}).items())
        return cls(tuple(map(Path, paths)), tuple(settings))

    def arguments(self) -> str:
        """The options of the command line that name this configuration."""
        files = [f"-c {shlex.quote(str(path))}" for path in self.paths]
        return " ".join([*files, *(f"-s {shlex.quote(override)}" for override in self.overrides)])

    def load(self, *, gpu: bool | None = None) -> Config:
        """Read, override and validate. Raises InputError that names the file, the field and the remedy.

        `gpu` says whether there is one, for `profile: auto`; None = look.
        """
        return self._validate(self.tree(has_gpu() if gpu is None else gpu))

    def tree(self, gpu: bool) -> dict[str, Any]:
        """All files and overrides as one tree. A profile changes what stands up to the file that asks for it."""
        files = [modern(read_config(path), str(path)) for path in self.paths]
        overrides: dict[str, Any] = {}
        for override in self.overrides:
            merge(overrides, modern(parse_override(override), f"-s {override}"))
        asking = max((place for place, tree in enumerate(files) if "profile" in tree), default=len(files) - 1)
        asked: dict[str, Any] = {}
        for part in (*files, overrides):
            merge(asked, {name: part[name] for name in ("profile", "execution") if name in part})
        execution = asked.get("execution")
        device = execution.get("device") if isinstance(execution, dict) else None
        profile = chosen_profile(asked.get("profile") or "none", device, gpu=gpu)
        if profile != "none":
            files.insert(asking + 1, modern(read_config(config_names()[profile]), profile))
        tree: dict[str, Any] = {}
        for part in (*files, overrides):
            merge(tree, part)
        return {**tree, "profile": profile}

    def _validate(self, tree: dict[str, Any]) -> Config:
        unread: list[Problem] = []
        values = read_section(tree, Config, (), unread)
        problems = [f"  {'.'.join(at)}: {why}{typed_at(tree, at)}" for at, why in unread]
        try:
            config = Config.model_validate(values)
        except ValidationError as error:
            known = {at for at, _ in unread}
            found = [dict(problem) for problem in error.errors() if location_of(dict(problem), tree) not in known]
            problems += [f"  {_explain(problem, tree)}" for problem in found]
        if problems:
            files = ", ".join(map(str, self.paths))
            raise InputError("\n".join([f"{files}: not a usable configuration", *problems])) from None
        return config.resolved()


def modern(tree: dict[str, Any], where: str) -> dict[str, Any]:
    """A tree in today's form; says what it has in an older one."""
    if notes := modernise(tree):
        lines = "\n  ".join(notes)
        warnings.warn(f"{where}: read as it was meant, but names have changed since:\n  {lines}", stacklevel=3)
    return tree


def _explain(problem: Mapping[str, Any], tree: Mapping[str, Any]) -> str:
    kind, location = data_kind(tree), location_of(problem, tree)
    name = ".".join(location)
    if problem["type"] == "extra_forbidden":
        return f"{name}: no such field{_suggest(name, kind)}"
    if problem["type"] == "missing":
        return f"{name}: required; set it in the file or with -s {name}=VALUE"
    if problem["type"].startswith("union_tag"):
        return f"data.kind: one of {', '.join(data_models())} is required (got {kind!r})"
    message = _MESSAGES.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
    got = _GOT.repr(problem["input"])
    return f"{name}: {message[0].lower()}{message[1:]} (got {got}){typed_at(tree, location)}"


def _suggest(name: str, kind: str | None) -> str:
    names = list(field_names(kind))
    section = name.rpartition(".")[0]
    same_section = [other for other in names if other.rpartition(".")[0] == section]
    same_leaf = [other for other in names if other.rpartition(".")[2] == name.rpartition(".")[2]]
    nearest = difflib.get_close_matches(name, same_section, 1, 0.6) or same_leaf
    nearest = nearest or difflib.get_close_matches(name, names, 1, 0.6)
    if nearest:
        return f"; did you mean {nearest[0]}?"
    there = ", ".join(other.rpartition(".")[2] for other in same_section)
    return f"; {section or 'a configuration'} has {there}" if there else ""


def field_names(data_kind: str | None = None) -> Iterator[str]:
    """Dotted names of all sections and fields; those of `data` for one kind of data, or for all kinds."""
    models = data_models()
    chosen = [models[data_kind]] if data_kind in models else list(models.values())
    for name, info in Config.model_fields.items():
        for section in chosen if name == "data" else [info.annotation]:
            yield from _names_in(name, section)


def _names_in(name: str, section: Any) -> Iterator[str]:
    """Dotted names of a section and of all that is in it."""
    yield name
    if isinstance(section, type) and issubclass(section, BaseModel):
        for key, field in section.model_fields.items():
            yield from _names_in(f"{name}.{key}", field.annotation)
