"""The images that a configuration names."""

from maskdistill.data.config import CocoConfig, DataConfig, FolderConfig, VocConfig
from maskdistill.data.sources.first import FirstImages
from maskdistill.data.sources.image_source import ImageSource


def open_source(config: DataConfig) -> ImageSource:
    """The images that the configuration names. Raises InputError where they are not there or not in order."""
    source = _open(config)
    return source if config.first is None else FirstImages(source, config.first)


def _open(config: DataConfig) -> ImageSource:
    if isinstance(config, FolderConfig):
        from maskdistill.data.sources.folder import FolderSource

        return FolderSource(config)
    if isinstance(config, VocConfig):
        from maskdistill.data.sources.voc import VocSource

        return VocSource(config)
    if isinstance(config, CocoConfig):
        from maskdistill.data.sources.coco import CocoSource

        return CocoSource(config)
    from maskdistill.data.sources.scenes.source import SceneSource

    return SceneSource(config)
