"""Where the workers of a cluster are looked for."""

from pathlib import Path

import pytest

from maskdistill.data.errors import InputError
from maskdistill.pipeline.config import ConfigSource


def test_an_address_without_its_engine_is_refused() -> None:
    source = ConfigSource((Path("demo"),), ("execution.address=tcp://head:8786",))
    with pytest.raises(InputError, match=r"execution: .*address: is that of a cluster; set engine: dask"):
        source.load()
