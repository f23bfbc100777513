"""What fraction of an image a view sees is a range above 0 and up to 1."""

import pytest
from pydantic import ValidationError

from maskdistill.data.settings import Settings
from maskdistill.stages.imitate.config import ImitateConfig
from maskdistill.stages.imitate.methods.slotcon_config import SlotConConfig
from maskdistill.stages.pretrain.config import ViewsConfig

FIELDS = [(ImitateConfig, "area"), (SlotConConfig, "area"), (ViewsConfig, "global_area"), (ViewsConfig, "local_area")]


@pytest.mark.parametrize(("settings", "name"), FIELDS)
@pytest.mark.parametrize("area", [(0.0, 1.0), (0.5, 0.2), (0.5, 1.5), (-0.1, 0.5)])
def test_a_range_that_is_none_names_the_field(settings: type[Settings], name: str, area: tuple[float, float]) -> None:
    with pytest.raises(ValidationError, match=rf"{name}\s+.*0 < first <= second <= 1"):
        settings.model_validate({name: area})


@pytest.mark.parametrize(("settings", "name"), FIELDS)
@pytest.mark.parametrize("area", [(0.08, 1.0), (0.3, 0.3), (1.0, 1.0)])
def test_any_other_range_is_taken_as_it_is(settings: type[Settings], name: str, area: tuple[float, float]) -> None:
    assert getattr(settings.model_validate({name: area}), name) == area
