"""The artifact folder as a file, below one, full, or not to be written to."""

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from helpers.commands import maskdistill
from maskdistill.data.atomic import atomic_path, write_json
from maskdistill.data.errors import InputError
from maskdistill.pipeline.dag import STAGE_NAMES, STAGES
from maskdistill.pipeline.launch import run_stages
from maskdistill.pipeline.plan import Plan
from maskdistill.pipeline.runner import run_stage
from maskdistill.pipeline.storage import explain_storage, remedy_of


@pytest.mark.parametrize("below", ["", "deeper", "deeper/still"])
def test_a_file_in_its_place_is_named_with_the_remedy(
    config_file: Path, tmp_path: Path, below: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    artifacts = tmp_path / "file" / below
    for name in ("PREFECT_HOME", "PREFECT_SERVER_ANALYTICS_ENABLED", "PREFECT_LOGGING_LEVEL", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, str(artifacts))  # a run sets them for the process that it is in
    for verb in (("run", "--no-prefect", "--to", "mine"), ("run", "--to", "mine"), ("stage", "mine")):
        found = maskdistill(config_file, artifacts, *verb)
        assert found.returncode == 2
        assert found.stderr.splitlines()[-1] == (
            f"artifacts: {artifacts}: it lies below a file, or is one; name another folder with -s artifacts=DIR"
        )


def test_a_folder_that_cannot_be_made_is_named(config_file: Path) -> None:
    found = maskdistill(config_file, Path("/proc/nowhere"), "run", "--no-prefect", "--to", "mine")
    assert (found.returncode, "/proc/nowhere: it cannot be made there" in found.stderr) == (2, True)


@pytest.mark.parametrize(
    "code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENAMETOOLONG, errno.ELOOP]
)
def test_what_the_file_system_says_comes_with_the_remedy(tmp_path: Path, code: int) -> None:
    with (
        pytest.raises(InputError, match=r"^artifacts: .*name another folder with -s artifacts=DIR$"),
        explain_storage(tmp_path),
    ):
        raise OSError(code, os.strerror(code), str(tmp_path / "mine" / "x"))


@pytest.mark.parametrize("settings", [("artifacts={}",), ("data.kind=folder", "data.root={}")])
def test_a_name_beyond_what_a_file_can_have_is_told(
    config_file: Path, tmp_path: Path, settings: tuple[str, ...]
) -> None:
    options = [word for setting in settings for word in ("-s", setting.format("x" * 300))]
    found = maskdistill(config_file, tmp_path / "artifacts", "run", "--no-prefect", "--to", "mine", *options)
    assert (found.returncode, "File name too long; name another file or folder" in found.stderr) == (2, True)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (errno.ENOSPC, "make room, or name another file or folder"),
        (errno.EIO, "look after the disk, or name another file or folder"),
        (errno.EISDIR, "name another file or folder"),
        (errno.ENOENT, None),
        (errno.EPIPE, None),
    ],
)
def test_what_is_about_any_file_has_the_same_remedy(code: int, expected: str | None) -> None:
    assert remedy_of(OSError(code, os.strerror(code))) == expected


def test_a_full_disk_names_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the disk is full"), explain_storage(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_is_about_another_file_passes_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), explain_storage(tmp_path / "artifacts"):
        (tmp_path / "photo.jpg").read_bytes()


def test_what_is_finished_is_found_without_a_lock(make_plan: Callable[..., Plan], quiet: Console) -> None:
    """A folder that may only be read cannot hold one; here, another run holds it."""
    plan = make_plan()
    run_stages(plan, STAGES[:1], quiet)
    found: list[str] = []
    with plan.store.lock("mine", plan.stages["mine"].key):
        thread = threading.Thread(target=lambda: found.append(run_stage(plan, "mine", quiet).key), daemon=True)
        thread.start()
        thread.join(timeout=60)
    assert found == [plan.stages["mine"].key]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_may_only_be_read_serves_what_is_cached(make_plan: Callable[..., Plan], quiet: Console) -> None:
    run_stages(make_plan(), STAGES, quiet)
    folders = [folder for folder in (make_plan().store.root, *make_plan().store.root.rglob("*")) if folder.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert [result.cached for result in run_stages(make_plan(), STAGES, quiet)] == [True] * len(STAGE_NAMES)
        with pytest.raises(InputError, match="may not be written to"):
            run_stages(make_plan("cluster.k=3"), STAGES, quiet)
    finally:
        for folder in folders:
            folder.chmod(0o755)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_files_have_the_mode_of_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_json(tmp_path / "x.json", 1)
        with atomic_path(tmp_path / "private") as path:
            path.touch(0o600)
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("x.json", "private")] == [mode, mode]
