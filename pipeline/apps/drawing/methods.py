"""The columns of a picture that shows several methods on the same images."""

from collections.abc import Sequence

from maskdistill.data.catalog import LABELS, MASKS
from maskdistill.data.errors import InputError
from maskdistill.pipeline.apps.compare.methods import Variant, read_variants
from maskdistill.pipeline.apps.drawing.gallery import Column
from maskdistill.pipeline.apps.outputs import Run
from maskdistill.pipeline.config import ConfigSource
from maskdistill.pipeline.finished import FinishedPlan


def columns_of(config: ConfigSource, texts: Sequence[str]) -> list[Column]:
    """A column for each variant of a configuration: what the stage of its first setting made, titled by that value.

    Args:
        config: The configuration.
        texts: Settings of variants, as `read_variants` takes them.

    Raises:
        InputError: A text does not read so, or the first setting is of no stage that leaves masks or label maps.
    """
    return [_column(config, variant) for variant in read_variants(texts) if variant.settings]


def _column(config: ConfigSource, variant: Variant) -> Column:
    setting, value = variant.settings[0]
    stage = setting.partition(".")[0]
    drawn = list(dict.fromkeys([*MASKS, *LABELS]))
    if stage not in drawn:
        raise InputError(f"--with {variant.name}: the first setting must be of one of {', '.join(drawn)}")
    run = Run(FinishedPlan(ConfigSource(config.paths, (*config.overrides, *variant.overrides))), "gallery")
    run.folder(stage)
    return Column(str(value), run, stage)
