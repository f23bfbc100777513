"""YAML as people write it: the field decides how a text is read, and what is wrong is told in one line."""

import time
from pathlib import Path

import pytest

from maskdistill.data.config import FolderConfig
from maskdistill.data.errors import InputError
from maskdistill.data.typed import plain
from maskdistill.data.yaml_text import read_yaml
from maskdistill.pipeline.config import Config, ConfigSource


def load(tmp_path: Path, text: str = "data: {kind: folder, root: base}", *overrides: str) -> Config:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return ConfigSource((path,), overrides).load()


def root_of(config: Config) -> Path:
    assert isinstance(config.data, FolderConfig)
    return config.data.root


FOLDERS = ["2024", "2024-01-05", "2024-02-31", "12:30", "on", "off", "yes", "true", "null"]
FOLDERS += ["1e3", "0x10", "007", "1_000", ".5"]
ODD = ["|", ">", "# x", "pics #1", "a: b", "[a]", "{a}", "*x", "&x", "- a", "'", "a, b", "!tag", "%", "@x"]


@pytest.mark.parametrize("name", [*FOLDERS, *ODD])
def test_a_folder_may_be_called_anything_on_the_command_line(tmp_path: Path, name: str) -> None:
    config = load(tmp_path, "data: {kind: folder, root: base}", f"data.root={name}", f"artifacts={name}")
    assert (root_of(config), config.artifacts) == (Path(name), Path(name))


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_may_be_called_anything_in_a_file(tmp_path: Path, name: str) -> None:
    config = load(tmp_path, f"data:\n  kind: folder\n  root: {name}\n  val: {name}\nartifacts: {name}")
    assert (root_of(config), config.artifacts) == (Path(name), Path(name))
    assert isinstance(config.data, FolderConfig)
    assert config.data.val == (None if name == "null" else name)


@pytest.mark.parametrize("text", ["~", "~/pics", "'~/pics'"])
def test_the_home_folder_is_meant_in_files_and_on_the_command_line(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    expected = Path("/home/somebody", *Path(text.strip("'")).parts[1:])
    assert root_of(load(tmp_path, f"data: {{kind: folder, root: {text}}}")) == expected
    assert load(tmp_path, "data: {kind: scenes}", f"artifacts={text}").artifacts == expected


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("data.class_names=[on, off, 1]", ("on", "off", "1")),
        ('data.class_names=["on", "2024-01-05"]', ("on", "2024-01-05")),
    ],
)
def test_names_in_lists_are_texts_too(tmp_path: Path, override: str, expected: tuple[str, ...]) -> None:
    config = load(tmp_path, "data: {kind: folder, root: base, labels: l}", override)
    assert isinstance(config.data, FolderConfig)
    assert config.data.class_names == expected


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("segment.inference_flip=on", True),
        ("segment.inference_flip=true", True),
        ("segment.epochs=1e1", 10.0),
        ("segment.iterations=null", None),
        ("segment.iterations=", None),
        ("segment.iterations=1_000", 1000),
        ("segment.iterations=5 # as in the paper", 5),
        ("segment.scale=[0.5, 2]", (0.5, 2.0)),
    ],
)
def test_numbers_and_truths_are_read_as_ever(tmp_path: Path, override: str, value: object) -> None:
    config = load(tmp_path, "data: {kind: scenes}", override)
    assert getattr(config.segment, override.partition("=")[0].rpartition(".")[2]) == value


def test_values_from_python_are_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("data: {kind: folder, root: base}")
    given = {"data.root": "2024 #1", "cluster.k": 7, "segment.inference_flip": True, "artifacts": tmp_path / "on"}
    config = ConfigSource.of(path, given).load()
    assert (root_of(config), config.cluster.k, config.segment.inference_flip) == (Path("2024 #1"), 7, True)
    assert config.artifacts == tmp_path / "on"


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
NUMBER = "1000000000000"
REFUSED = {
    "a key twice": (
        "seed: 1\nmine: {method: otsu}\nmine: {}\n",
        "c.yaml, line 3: the key 'mine' occurs twice (first in line 2)",
    ),
    "a bomb of aliases": (f"{BOMB}data: *i", "c.yaml, line 6: its aliases stand for more than 100000 values"),
    "an alias of itself": ("data: &a [*a]", "c.yaml, line 1: "),
    "a number that is none": (
        "data: {kind: scenes}\ncluster: {n_init: !!int x}",
        "cluster.n_init: the value is not readable: 'x' is no int (c.yaml, line 2)",
    ),
    "nesting without end": ("data: " + "[" * 10_000 + "]" * 10_000, "c.yaml, line 1: nested more than 50 deep"),
    "mappings without end": ("data: " + "{a: " * 10_000 + "}" * 10_000, "c.yaml, line 1: nested more than 50 deep"),
    "a truth for a number": (
        "data: {kind: scenes}\nseed: true",
        "seed: must be a number, not true (c.yaml, line 2)",
    ),
    "infinity": (
        "data: {kind: scenes}\n\nsegment:\n  lr: .inf",
        "segment.lr: input should be a finite number (got inf) (c.yaml, line 4)",
    ),
    "not a number": ("data: {kind: scenes}\nsegment: {lr: .nan}", "segment.lr: input should be a finite number"),
    "more than memory": (
        f"data:\n  kind: scenes\n  n_train: {NUMBER}",
        f"data.n_train: input should be less than or equal to 1000000 (got {NUMBER}) (c.yaml, line 3)",
    ),
    "another base": (
        "data: {kind: scenes}\nseed: 010",
        "seed: the value is not readable: '010' is a number in another",
    ),
    "a time": (
        "data: {kind: scenes}\nseed: 1:30",
        "seed: the value is not readable: '1:30' is a number in another base",
    ),
    "endless digits": (f"data: {{kind: scenes}}\nseed: {'9' * 5000}", "seed: the value is not readable: '99999"),
    "a seed beyond what generators take": (
        f"data: {{kind: scenes}}\nseed: {NUMBER}",
        "seed: input should be less than",
    ),
    "a null character": ("data: \0", "c.yaml, line 1: not YAML (the character '\\x00' may not stand in it)"),
    "a bell": ("a: 1\nb: \x07", "c.yaml, line 2: not YAML (the character '\\x07' may not stand in it)"),
    "a null character in a path": (
        'data: {kind: folder, root: "a\\0b"}',
        "data.root: must be a path, and none holds a null",
    ),
    "no path": ("data: {kind: folder, root: }", "data.root: must be a path (got None) (c.yaml, line 1)"),
    "a section that is none": (
        "data: {kind: scenes}\ncluster:",
        "cluster: must be a section, its settings in the lines",
    ),
    "a file of something else": ("# " + "x" * 300_000, "c.yaml: more than 250000 bytes, which no configuration is"),
    "a tab": ("data:\n\tkind: folder", "c.yaml, line 2: not YAML (found character '\\t'"),
    "a list as a key": ("[a]: 3", "c.yaml, line 1: a key is a name"),
    "a call": ('data: !!python/object/apply:os.system ["true"]', "c.yaml, line 1: not YAML (could not determine"),
    "two documents": ("a: 1\n---\nb: 2", "c.yaml, line 2: not YAML (but found another document)"),
    "an end that is missing": ("data: {kind: scenes", "c.yaml, line 1: not YAML"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_wrong_is_told_at_once_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(text)
    before = time.monotonic()
    with pytest.raises(InputError) as caught:
        ConfigSource((Path("c.yaml"),)).load()
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2
    assert len(str(caught.value)) < 300
    assert time.monotonic() - before < 10


def test_a_merged_mapping_may_be_changed() -> None:
    text = "base: &base {k: 3, view: crop}\ncluster: {<<: *base, k: 5}"
    assert plain(read_yaml(text, "c.yaml"))["cluster"] == {"k": 5, "view": "crop"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_may_begin_with_a_mark(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes("data: {kind: folder, root: größe}".encode(encoding))
    assert root_of(ConfigSource((path,)).load()) == Path("größe")
