"""A store on an S3 server, which the tests start. Run by `make test-s3`."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from content_hashes import content_hashes
from rich.console import Console

from helpers.fault_stages import fault_plan, write_config
from maskdistill.data.errors import CorruptArtifact, InputError
from maskdistill.pipeline.dag import STAGES
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.remote.bucket import Bucket
from maskdistill.pipeline.remote.lease import Lease
from maskdistill.pipeline.runner import run_stage
from maskdistill.pipeline.upkeep.status import collect_status

# The server, and the client's use of it, leave sockets to the collector.
pytestmark = [pytest.mark.s3, pytest.mark.filterwarnings("ignore")]
STORE = "s3://masks/team"


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    """An S3 server on a free port, with a bucket; the environment leads there."""
    if find_spec("s3fs") is None or find_spec("moto") is None or find_spec("flask") is None:
        pytest.skip("s3fs or moto is not installed")
    from moto.server import ThreadedMotoServer

    started = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    started.start()
    with pytest.MonkeyPatch.context() as patch:
        host, port = started.get_host_and_port()
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "tester")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        Bucket.open("s3://masks").fs.mkdir("masks")
        yield
    started.stop()


def test_the_second_machine_makes_nothing_and_has_the_same(tmp_path: Path) -> None:
    config, quiet = write_config(tmp_path), Console(quiet=True)
    run_stages(fault_plan(config, f"execution.store={STORE}", f"artifacts={tmp_path / 'here'}"), STAGES, quiet)
    there = fault_plan(config, f"execution.store={STORE}", f"artifacts={tmp_path / 'there'}")
    assert {row["state"] for row in collect_status(there, ask_store=True)} == {"in the store"}
    assert all(result.cached for result in run_stages(there, STAGES, quiet))
    assert content_hashes(tmp_path / "there") == content_hashes(tmp_path / "here")

    bucket = Bucket.open(STORE)
    names = bucket.sizes(f"mine/{there.stages['mine'].key}")
    assert not [name for name in bucket.sizes("mine") if name.endswith(".lease")]
    name = next(name for name in names if "/masks.zarr/" in name)
    bucket.write(f"mine/{there.stages['mine'].key}/{name}", b"\0" * names[name])
    other = fault_plan(config, f"execution.store={STORE}", f"artifacts={tmp_path / 'other'}")
    with pytest.raises(CorruptArtifact, match=rf"{STORE}/mine/.*its content is not what the manifest says"):
        run_stage(other, "mine", quiet)


def test_a_lease_is_created_once() -> None:
    bucket = Bucket.open(STORE)
    first, second = Lease(bucket, "some.lease"), Lease(bucket, "some.lease")
    assert first.take()
    assert not second.take()
    first.close()
    assert second.take()
    second.close()
    assert bucket.read("some.lease") is None


def test_a_large_file_goes_there_and_back_in_parts(tmp_path: Path) -> None:
    bucket, seen = Bucket.open(STORE), list[int]()
    (tmp_path / "large.bin").write_bytes(bytes(range(256)) * (120 << 12))
    bucket.put(tmp_path / "large.bin", "large.bin", seen.append)
    bucket.get("large.bin", tmp_path / "back.bin", seen.append)
    assert (tmp_path / "back.bin").read_bytes() == (tmp_path / "large.bin").read_bytes()
    assert max(seen) == 120 << 20
    assert len(set(seen)) > 2


def test_a_bucket_that_is_not_there() -> None:
    bucket = Bucket.open("s3://nowhere/folder")
    with pytest.raises(InputError, match=r"execution\.store: s3://nowhere/folder: there is no such place .* make the"):
        bucket.create("some.lease", b"x")


def test_nobody_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    Bucket.open("s3://masks").fs.clear_instance_cache()  # it keeps the address
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(InputError, match=r"execution\.store: s3://masks: cannot be used \(Could not connect"):
        Bucket.open("s3://masks")
