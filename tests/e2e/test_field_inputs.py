"""Files and folders as users have them, a row for each: what the command says of them, and how it ends.

Their generators lie beside the checkout, where they are there at all. Small inputs of the same kinds are made by the
tests of the rooms.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.commands import maskdistill
from helpers.paths import SHARED

FIELD = SHARED / "field"
pytestmark = pytest.mark.skipif(not FIELD.is_dir(), reason="../shared/field, which makes these inputs, is not there")

Row = tuple[int, str]
"""Exit code, and what is said, as a regular expression."""


def masks(count: int, said: str = "") -> Row:
    """A run that ends well with so many masks."""
    return 0, rf"(?s){said}.*mine +{count} masks"


READ_ALIKE = """
plain backslash bom cat_names_list cat_str_id dotslash dup_names flat_poly float_size no_file_name no_size null_size
other_ext rle_bytes_repr rle_in_string rle_list rle_list_in_list rle_str score_null score_str str_ids
str_imageid_mismatch str_size supercategory_null utf16 zero_size
"""
SERVER = "10 file names found with the prefix or suffix of an annotation server"
IMPORTS: dict[str, Row] = {
    **dict.fromkeys(READ_ALIKE.split(), masks(10)),
    "poly_slightly_out": masks(10, "10 with a mask that covers all of the image"),
    "normalized_poly": masks(10, "all outlines lie within 0 to 1 and are read as fractions"),
    "ls_upload": masks(10, SERVER),
    "ls_upload_some": masks(10, "9 file names found with the prefix"),
    "roboflow": masks(10, SERVER),
    "upper": masks(10, "10 file names found spelt otherwise"),
    "url": masks(10, "10 file names found spelt otherwise"),
    "crowd_some": masks(5, r"5 of 10 masks left out: 5 crowd regions \(img00\.jpg, img02\.jpg, img04\.jpg, \.\.\.\)"),
    "dangling_ann": masks(10, r"1 of 11 masks left out: 1 of no image of the file \(image_id 1234\)"),
    "one_empty_seg": masks(9, r"1 of 10 masks left out: 1 without an outline, a box at most \(img00\.jpg\)"),
    "one_missing_seg": masks(9, "1 of 10 masks left out: 1 without an outline"),
    "seg_null": masks(9, "1 of 10 masks left out: 1 without an outline"),
    "two_point_poly": masks(9, r"1 of 10 masks left out: 1 empty \(img03\.jpg\)"),
    "nan_poly": masks(9, r"1 of 10 masks left out: 1 not in order \(annotations\[3\]\.segmentation, image img03"),
    "odd_poly": masks(9, r"1 of 10 masks left out: 1 not in order \(annotations\[3\]\.segmentation, image img03"),
    "crowd_all": (2, r"no mask is left of 10: 10 crowd regions .*mine\.import\.crowds=true"),
    "crowd_str": (2, r"no mask is left of 10: 10 crowd regions .*mine\.import\.crowds=true"),
    "bbox_only_missing": (2, "no mask is left of 10: 10 without an outline, a box at most"),
    "bbox_only_empty": (2, "no mask is left of 10: 10 without an outline, a box at most"),
    "empty_annotations": (2, "no mask is left of 0: the file holds none"),
    "rle_size_swapped": (
        2,
        r"no mask is left of 10: 10 not in order \(annotations\[0\]\.segmentation, image img00\.jpg: i",
    ),
    "swapped_size": (2, "no mask is left of 10: 10 for an image of another size .*80 x 96 px in the file, 96 x 80"),
    "int_filename": (2, r"names no image of the data set\. Its file names \(0, 1, 2"),
    "no_annotations_key": (2, r"no_annotations_key\.json: field 'annotations' is missing"),
    "jsonl": (2, r"jsonl\.json: not valid JSON"),
    "results_list": (2, r"mine\.import\.images=FILE"),
    "sam_amg_list": (2, "a folder of JSON files, each named after its image"),
}
UNTOLD = "4 photos are stored turned .*does not tell .*taken as displayed, see data.annotation_frame"
OTHER_IMPORTS: dict[str, tuple[str, Row]] = {
    "imp_exif exif6": ("", masks(4, "the masks of 4 photos are turned with their pixels")),
    "imp_exif exif3": ("", masks(4, UNTOLD)),
    "imp_exifsq exifsq": ("", masks(4, UNTOLD)),
    "imp_nfc nfd": ("", masks(5, "4 file names found spelt otherwise")),
    "coco/results_list base": ("mine.import.images=coco/plain.json", masks(10)),
    "coco/crowd_all base": ("mine.import.crowds=true", masks(10)),
    "sam base": ("", masks(10)),
}
FOLDERS: dict[str, Row] = {
    "one": masks(1),
    "three": masks(3),
    "blank": masks(6, "6 of one colour throughout .*6 with a mask that covers all of the image"),
    "ident": masks(6),
    "sizes": masks(10),
    "ünï cødé ✓": masks(5),
    "2024": masks(5),
    "pics #1": masks(5),
    "heic": masks(5, r"left out 20 \.heic files"),
    "heiconly": (2, r"data\.root: heiconly: left out 20 \.heic files .*convert them"),
    "links": masks(13),
    "linksome": masks(15),
    "linkfiles": (2, r"1 of 6 images are missing: linkfiles/dangling\.jpg; .*data\.max_failure_rate"),
    "mac": masks(5),
    "syno": masks(5),
    "corrupt": (2, "2 of 11 images cannot be read, more than max_failure_rate"),
    "dupstem": masks(4),
    "exif": masks(4),
    "odd": masks(20, "5 with further bands than three.*5 deeper than 8 bits.*1 with further pages"),
}
COCO_ALIKE = "c_plain c_colon c_strid c_floatsize c_nobbox c_exif6"
VOC_ALIKE = "v_plain v_bom v_crlf v_png v_JPG v_space v_jpgname v_utf16 v_dup"
SETS: dict[str, Row] = {
    **dict.fromkeys(COCO_ALIKE.split(), masks(5)),
    "c_backslash": masks(5, "5 images found under other names"),
    "c_pathprefix": masks(5, "5 images found under other names"),
    "c_abs": masks(5, "5 images found under other names"),
    "c_nfd": masks(5, "5 images found under other names"),
    "c_exif3": masks(5, "5 labels taken as drawn on the pixels as they are displayed"),
    "c_missing1": (2, r"1 of 6 images are missing: .*gone\.jpg; .*data\.max_failure_rate"),
    **dict.fromkeys(
        ["v_plain", "v_bom", "v_crlf", "v_png", "v_JPG", "v_space", "v_jpgname", "v_utf16", "v_dup"], masks(5)
    ),
}
LABELS: dict[str, Row] = {
    "lab255_l": (2, r"data\.labels: .* hold 0 and 255 alone.*write 1 for the objects"),
    "lab_size_l": (2, r"lab_size_l/i0\.png: a label map of 48 x 40 px, but its image has 96 x 80 px"),
    "lab_rgb_l": (2, r"lab_rgb_l/i0\.png: label maps are 8-bit .*data\.class_file"),
    "lab_jpg_l": (2, r"data\.labels: .* has a label map of none of the 5 images.*JPEG"),
    "lab_exif_l": masks(4),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All inputs, made once."""
    folder = tmp_path_factory.mktemp("field")
    environment = {**os.environ, "PYTHONPATH": str(FIELD), "PYTHONDONTWRITEBYTECODE": "1"}
    for script in ("gen.py base 10", "mkdirs.py", "mk3.py", "mkcoco.py", "odd.py"):
        name, *arguments = script.split()
        subprocess.run([sys.executable, str(FIELD / name), *arguments], cwd=folder, env=environment, check=True)
    text = (FIELD / "tiny.yaml").read_text().replace("short_side: 96", "affinity: {short_side: 96}")
    (folder / "tiny.yaml").write_text(text)
    (folder / "sam").mkdir()
    for i in range(10):
        shutil.copy(folder / "coco" / "sam_amg_list.json", folder / "sam" / f"img{i:02d}.json")
    return folder


@pytest.fixture(autouse=True)
def working_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def check(row: Row, tmp_path: Path, *overrides: str) -> None:
    """Mine with these settings, as a user would."""
    settings = ["evaluate.baselines=false", *(override for override in overrides if override)]
    options = [word for setting in settings for word in ("-s", setting)]
    code, said = row
    found = maskdistill(Path("tiny.yaml"), tmp_path / "artifacts", "run", "--no-prefect", "--to", "mine", *options)
    output = found.stderr + found.stdout
    assert found.returncode == code, output
    assert re.search(said, output), output
    assert "Traceback" not in output


def importing(file: str) -> tuple[str, str]:
    return "mine.method=import", f"mine.import.file={file}"


@pytest.mark.slow
@pytest.mark.parametrize("name", IMPORTS)
def test_imported_files(name: str, tmp_path: Path) -> None:
    check(IMPORTS[name], tmp_path, *importing(f"coco/{name}.json"))


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHER_IMPORTS)
def test_imports_for_other_images(name: str, tmp_path: Path) -> None:
    file, root = name.split()
    setting, row = OTHER_IMPORTS[name]
    path = file if file == "sam" else f"{file}.json"
    check(row, tmp_path, *importing(path), f"data.root={root}", setting)


@pytest.mark.slow
@pytest.mark.parametrize("name", FOLDERS)
def test_folders(name: str, tmp_path: Path) -> None:
    check(FOLDERS[name], tmp_path, "mine.method=otsu", f"data.root={name}")


@pytest.mark.slow
def test_a_validation_folder_that_is_a_link(tmp_path: Path) -> None:
    check(masks(8), tmp_path, "mine.method=otsu", "data.root=linkval", "data.val=val")


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_data_sets(name: str, tmp_path: Path) -> None:
    kind = (
        ("data.kind=coco", "data.annotations_val=null") if name[0] == "c" else ("data.kind=voc", "data.val_split=null")
    )
    check(SETS[name], tmp_path, "mine.method=otsu", f"data.root={name}", *kind)


@pytest.mark.slow
def test_a_missing_image_may_be_allowed(tmp_path: Path) -> None:
    settings = ("data.kind=coco", "data.annotations_val=null", "data.max_failure_rate=0.2")
    check(masks(5, "1 of 6 images are missing"), tmp_path, "mine.method=otsu", "data.root=c_missing1", *settings)


@pytest.mark.slow
@pytest.mark.parametrize("name", LABELS)
def test_labels(name: str, tmp_path: Path) -> None:
    root = "exif6" if name == "lab_exif_l" else "lab255"
    settings = (f"data.labels={name}", "data.class_names=[background, thing]")
    check(LABELS[name], tmp_path, "mine.method=otsu", f"data.root={root}", *settings)


def test_every_input_has_a_row(folder: Path) -> None:
    """None of what the generators make is forgotten."""
    files = {path.stem for path in (folder / "coco").iterdir()}
    assert files == set(IMPORTS)
    sets = {path.name for path in folder.iterdir() if path.is_dir()}
    others = {"base", "coco", "sam", "exif3", "exif6", "exifsq", "nfd", "lab255", "linkval", *LABELS}
    assert sets == {*FOLDERS, *SETS, *others}
