"""The `data` section of the configuration: one class for each kind of image source."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from maskdistill.data.settings import Settings
from maskdistill.data.sources.frames import AnnotationFrame
from maskdistill.data.sources.label_sets import LabelSetName
from maskdistill.data.sources.stretch import StretchText

MOST_SCENES = 1_000_000
"""In each split; their ids are kept in memory."""
FingerprintMode = Literal["stat", "content"]


class SourceConfig(Settings):
    """What every kind of source has."""

    max_failure_rate: float = Field(0.01, ge=0, le=1)
    """Fraction of images that may fail, 0 to 1, before a stage stops; failed images are listed and skipped."""
    max_pixels: int = Field(100_000_000, ge=1)
    """Largest width x height that is decoded; a larger image counts as failed. Without effect on scenes."""
    first: int | None = Field(None, ge=1)
    """Only so many training images, from the first, and as many validation images; None = all."""
    stretch: StretchText = "auto"
    """Which values of a picture become black and white. `off` = the ends of their type's range, as far as it has one;
    `percentile` = the picture's own 0.5th and 99.5th percentile; `LOW,HIGH` = these values, in all pictures; `auto` =
    `percentile` for pictures deeper than 8 bits that use less than a quarter of their range (12-bit values in 16-bit
    files, satellite images), `off` for all others. Without effect on scenes."""
    annotation_frame: AnnotationFrame = "auto"
    """Whether label maps and COCO annotations of photos that a camera has stored turned (EXIF) belong to the pixels as
    they are `stored` or `displayed`; pixels are always read as displayed. `auto` = what the sizes tell, and where they
    tell nothing (turned by 180 degrees, square) what those of the other images tell, else `displayed`."""
    fingerprint: FingerprintMode = "stat"
    """How a changed file is noticed: "stat" = name, size and modification time; "content" = sha256 of every byte,
    for files that are copied about without their times. Without effect on scenes."""


class FolderConfig(SourceConfig):
    """Any folder of images, searched recursively; hidden files are skipped, links to folders are followed once."""

    kind: Literal["folder"]
    root: Path
    """The folder. An image's id is its path below it."""
    val: str | None = None
    """Name of the subfolder whose images are validation images; None = all are training images."""
    labels: Path | None = None
    """Folder of label PNGs for evaluation, each with its image's relative path and the suffix .png; None = none.
    0 = background, 255 = ignore. Images without a label map have no ground truth."""
    class_names: tuple[str, ...] | None = Field(None, min_length=2, max_length=255)
    """Names of the label values, background first; `labels` needs these or a `class_file`."""
    class_file: Path | None = None
    """Text file with the names instead, one class per line: NAME, or NAME R G B where label PNGs are RGB pictures and
    each class has a colour. A line `ignore R G B` names a colour of pixels without label."""
    label_set: LabelSetName | None = None
    """The classes that unsupervised segmentation is scored on instead, made of the values of the data set's own label
    PNGs: `coco_stuff_27` (values 0-181), `cityscapes_27` (`gtFine`, `_labelIds.png`) or `potsdam_3` (values 0-5)."""

    @model_validator(mode="after")
    def _labels_have_names(self) -> "FolderConfig":
        named = sum(one is not None for one in (self.class_names, self.class_file, self.label_set))
        if named != (self.labels is not None):
            raise ValueError(
                "labels and class_names (or class_file, or label_set) belong together: set both or neither"
            )
        return self


class VocConfig(SourceConfig):
    """PASCAL VOC as its authors lay it out: JPEGImages, ImageSets/Segmentation, SegmentationClass, Annotations."""

    kind: Literal["voc"]
    root: Path
    """The folder that holds JPEGImages, e.g. VOCdevkit/VOC2012."""
    train_split: str = "train"
    """Name of the list of training images in ImageSets/Segmentation, without .txt, e.g. trainaug; or the path of any
    text file that ends in .txt, with a name per line."""
    val_split: str | None = "val"
    """The same for validation; None = no validation images."""
    labels: str = "auto"
    """Folder of label PNGs below root; "auto" = for each image SegmentationClassAug if it is there, else
    SegmentationClass, else no ground truth."""
    class_names: tuple[str, ...] | None = Field(None, min_length=2, max_length=255)
    """Names of the label values, background first; None = the 20 classes of VOC."""


class CocoConfig(SourceConfig):
    """COCO and everything in its format. An image's id is `<images folder>/<file name>`."""

    kind: Literal["coco"]
    root: Path
    """The folder that the other paths start from."""
    images_train: str = "train2017"
    """Folder of the training images."""
    annotations_train: str = "annotations/instances_train2017.json"
    """Annotations of the training images; they also say which images there are."""
    subset_train: str | None = None
    """Text file, below root or anywhere else, with one file name or image id per line: only these are used, e.g. the
    19,817 images of train2014 that make COCO20k; None = all."""
    images_val: str = "val2017"
    """Folder of the validation images."""
    annotations_val: str | None = "annotations/instances_val2017.json"
    """Annotations of the validation images; None = no validation images."""


class ScenesConfig(SourceConfig):
    """Generated scenes with exact ground truth: nothing to download."""

    kind: Literal["scenes"]
    seed: int = Field(0, ge=0)
    """Other seeds give other scenes."""
    n_train: int = Field(1000, ge=1, le=MOST_SCENES)
    """Number of training scenes."""
    n_val: int = Field(200, ge=0, le=MOST_SCENES)
    """Number of validation scenes; none of them is a training scene."""
    size: int = Field(128, ge=32, le=1024)
    """Height and width, px."""
    objects: tuple[int, int] = (1, 3)
    """Fewest and most objects in a scene, 1 to 8; where they do not fit, there are fewer."""
    scale: tuple[float, float] = (0.35, 0.65)
    """Smallest and largest diameter of an object, as fraction of the image's width."""
    gap: float | None = Field(None, ge=0, le=0.5)
    """Smallest distance between two objects, as fraction of the image's width; 0 = they may touch; None = they may hide
    up to a third of each other."""

    @model_validator(mode="after")
    def _ranges_are_in_order(self) -> "ScenesConfig":
        if not 1 <= self.objects[0] <= self.objects[1] <= 8:
            raise ValueError(f"objects must be two numbers with 1 <= first <= second <= 8, not {self.objects}")
        if not 0.1 <= self.scale[0] <= self.scale[1] <= 1:
            raise ValueError(f"scale must be two numbers with 0.1 <= first <= second <= 1, not {self.scale}")
        return self


DataConfig = Annotated[FolderConfig | VocConfig | CocoConfig | ScenesConfig, Field(discriminator="kind")]
