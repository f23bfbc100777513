"""What objects promise, in memory and in a folder, and what is said where they cannot be used."""

import errno
import sys
import uuid
from pathlib import Path

import pytest

from helpers.flaky_files import FlakyFiles
from maskdistill.data.errors import InputError, MaskDistillError
from maskdistill.pipeline.remote.bucket import Bucket


@pytest.fixture(params=["memory", "file"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Bucket:
    url = f"memory://{uuid.uuid4().hex}" if request.param == "memory" else f"file://{tmp_path}/store"
    return Bucket.open(url)


def test_what_is_written_is_read(bucket: Bucket) -> None:
    assert bucket.read("mine/key/manifest.json") is None
    bucket.write("mine/key/manifest.json", b"first")
    bucket.write("mine/key/manifest.json", b"second")
    assert bucket.read("mine/key/manifest.json") == b"second"


def test_an_object_is_created_once(bucket: Bucket) -> None:
    assert bucket.create("mine/key.lease", b"first")
    assert not bucket.create("mine/key.lease", b"second")
    assert bucket.read("mine/key.lease") == b"first"


def test_files_go_there_and_back(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "some.bin").write_bytes(bytes(1000))
    moved: list[int] = []
    bucket.put(tmp_path / "some.bin", "mine/key/v/deep/some.bin", moved.append)
    assert bucket.sizes("mine/key/v") == {"deep/some.bin": 1000}
    assert moved[-1] == 1000
    bucket.get("mine/key/v/deep/some.bin", tmp_path / "back" / "some.bin", moved.append)
    assert (tmp_path / "back" / "some.bin").read_bytes() == bytes(1000)
    bucket.get("mine/key/v/other.bin", tmp_path / "other.bin", moved.append)
    assert not (tmp_path / "other.bin").exists()


def test_folders_are_deleted_whole(bucket: Bucket) -> None:
    for name in ("mine/key/v/a", "mine/key/v/deep/b", "mine/key/w/a"):
        bucket.write(name, b"x")
    bucket.delete("mine/key/v")
    bucket.delete("mine/key/v")
    assert (bucket.sizes("mine/key/v"), bucket.sizes("mine/key")) == ({}, {"w/a": 1})


def test_errors_of_a_network_are_tried_again() -> None:
    fs = FlakyFiles(ConnectionResetError(errno.ECONNRESET, "reset"), TimeoutError())
    bucket = Bucket("memory://b", fs, "/b", pause=0)
    bucket.write("name", b"content")
    fs.errors = [OSError(errno.EBUSY, "slow down"), None]
    assert bucket.read("name") == b"content"


def test_one_that_does_not_answer_is_named_and_so_is_what_to_do() -> None:
    bucket = Bucket("memory://b", FlakyFiles(*[ConnectionRefusedError(errno.ECONNREFUSED, "no")] * 3), "/b", pause=0)
    with pytest.raises(MaskDistillError, match=r"execution\.store: memory://b: cannot be used .*same command") as found:
        bucket.write("name", b"content")
    assert found.value.exit_code == 1


def test_missing_rights_are_not_tried_again() -> None:
    fs = FlakyFiles(PermissionError(errno.EACCES, "Access Denied"))
    with pytest.raises(InputError, match=r"execution\.store: memory://b: .*Access Denied.* give the right to"):
        Bucket("memory://b", fs, "/b", pause=0).write("name", b"content")
    assert fs.written == []


@pytest.mark.parametrize(
    ("url", "text"),
    {
        "kind": ("nonsense://bucket", r"execution\.store: nonsense://bucket: not a URL of fsspec .*such as s3://"),
        "package": ("gs://bucket/folder", r"execution\.store: gs://bucket/folder: a package is missing: .*gcsfs"),
    }.values(),
    ids=["kind", "package"],
)
def test_wrong_urls(url: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(InputError, match=text):
        Bucket.open(url)


def test_without_s3fs_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(InputError, match=r"pip install 'maskdistill\[s3\]'"):
        Bucket.open("s3://bucket/folder")
