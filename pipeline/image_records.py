"""Which images a run was made from, kept beside its artifacts, to tell file by file what has become of them since."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import ValidationError

from maskdistill.data.atomic import write_json
from maskdistill.data.settings import Settings
from maskdistill.data.sources.image_source import ImageSource
from maskdistill.pipeline.artifacts import ArtifactStore
from maskdistill.pipeline.manifest import hash_key


class ImageRecord(Settings):
    """The images of a run.

    Attributes:
        n_train: How many of them, counted from the front, are training images.
        states: Size and time, or hash, of each image's file, by id in order; empty texts where they are no files.
    """

    n_train: int
    states: dict[str, str]


def keep_record(store: ArtifactStore, source: ImageSource, fingerprint: str) -> None:
    """Write down the images of a run that starts, once for all runs over the same ones."""
    path = record_path(store, fingerprint)
    if not path.exists():
        states = source.states()
        record = ImageRecord(n_train=source.n_train, states={name: states.get(name, "") for name in source.ids})
        write_json(path, record.model_dump())


def read_record(store: ArtifactStore, fingerprint: str) -> ImageRecord | None:
    """The images with that fingerprint; None where no run of this version has seen them."""
    try:
        return ImageRecord.model_validate_json(record_path(store, fingerprint).read_bytes())
    except (OSError, ValidationError):
        return None


def record_path(store: ArtifactStore, fingerprint: str) -> Path:
    """Where they are written down."""
    return store.root / "images" / f"{hash_key({'data': fingerprint})}.json"


def remove_unused_records(store: ArtifactStore, stages: Iterable[str]) -> None:
    """Delete the lists of images that no finished artifact was made from."""
    made = (manifest for stage in stages for manifest in store.manifests(stage))
    used = {record_path(store, manifest.ingredients["data"]) for manifest in made}
    for path in (store.root / "images").glob("*.json"):
        if path not in used:
            path.unlink(missing_ok=True)


def describe_difference(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """How many images of `then` are gone, new or changed: "of its 10 images 1 is gone and 2 have changed; 1 is new"."""
    if then == now:
        return "its images are the same files, and read with other settings of `data`"
    gone = len(then.keys() - now.keys())
    changed = sum(now[name] != state for name, state in then.items() if name in now)
    new = len(now.keys() - then.keys())
    return f"of its {len(then)} images {gone} are gone and {changed} have changed; {new} are new"
