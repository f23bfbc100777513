"""What changed, by hand: settings, files, inputs that are followed to the settings behind them."""

from typing import Any

from maskdistill.pipeline.changes import changed_ingredients, changed_values, describe_changes, flatten


def ingredients(stage: str, **own: Any) -> dict[str, Any]:
    return {"stage": stage, "version": 1, "settings": {}, "inputs": {}, **own}


def test_trees_are_compared_by_dotted_names() -> None:
    first = {"a": {"b": 1, "c": {"d": [1, 2]}}, "e": None}
    assert flatten(first) == {"a.b": 1, "a.c.d": [1, 2], "e": None}
    assert changed_values(first, {"a": {"b": 1, "c": {"d": [2]}}, "f": 3}) == {"a.c.d": ([1, 2], [2]), "f": (None, 3)}
    assert changed_values(first, first) == {}


def test_changes_have_the_names_that_users_know() -> None:
    first = ingredients("mine", settings={"side": 1, "rule": {"k": 2}}, data="d1", files={"weights": "sha256:1"})
    second = ingredients(
        "mine", settings={"side": 1, "rule": {"k": 3}}, data="d2", files={"weights": "sha256:2"}, version=2, seed=0
    )
    changes = changed_ingredients(first, second)
    assert changes == {
        "data": ("d1", "d2"),
        "mine.weights": ("sha256:1", "sha256:2"),
        "seed": (None, 0),
        "mine.rule.k": (2, 3),
        "mine.version": (1, 2),
    }
    text = "data changed; mine.weights changed; seed: None -> 0; mine.rule.k: 2 -> 3; mine.version: 1 -> 2"
    assert describe_changes(changes) == text


def test_inputs_are_followed_where_they_are_known() -> None:
    made = {
        ("mine", "m1"): ingredients("mine", settings={"side": 1}),
        ("mine", "m2"): ingredients("mine", settings={"side": 2}),
        ("cluster", "c1"): ingredients("cluster", inputs={"mine": "m1"}),
        ("cluster", "c2"): ingredients("cluster", inputs={"mine": "m2"}, settings={"k": 5}),
    }
    first = ingredients("distill", inputs={"mine": "m1", "cluster": "c1"})
    second = ingredients("distill", inputs={"mine": "m2", "cluster": "c2"})
    found = changed_ingredients(first, second, lambda stage, key: made.get((stage, key)))
    assert found == {"mine.side": (1, 2), "cluster.k": (None, 5)}
    unknown = changed_ingredients(first, second)
    assert unknown == {"input cluster": ("c1", "c2"), "input mine": ("m1", "m2")}
    assert describe_changes(unknown) == "input cluster changed; input mine changed"


def test_of_another_method_its_own_settings_are_not_listed() -> None:
    first = ingredients("mine", settings={"method": "affinity", "affinity": {"side": 1}, "model": "vit"})
    second = ingredients("mine", settings={"method": "import", "model": "vit"}, files={"import.file": "sha256:1"})
    assert changed_ingredients(first, second) == {
        "mine.import.file": (None, "sha256:1"),
        "mine.method": ("affinity", "import"),
    }
