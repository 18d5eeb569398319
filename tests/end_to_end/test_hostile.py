"""Files that mean harm, or are merely broken: each harms itself only, in one line."""

import itertools
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.store.datasets import open_dataset
from seqclass.store.formats import ColumnNames, RefusalError, expand, read_files
from seqclass.store.root import Root
from tests.support.arrivals import drop, rows, sweep
from tests.support.commands import Command
from tests.support.whole_files import damaged, npz, whole_files


def encrypted(path: Path) -> None:
    """The flag of an encrypted member, in both directories of the archive."""
    content = bytearray(npz(path).read_bytes())
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(magic)
        while at >= 0:
            content[at + place] |= 1
            at = content.find(magic, at + 4)
    path.write_bytes(content)


def unknown_method(path: Path) -> None:
    content = bytearray(npz(path).read_bytes())
    for magic, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = content.find(magic)
        while at >= 0:
            content[at + place : at + place + 2] = struct.pack("<H", 97)
            at = content.find(magic, at + 4)
    path.write_bytes(content)


def with_header(text: bytes) -> Callable[[Path], None]:
    """An array whose header is this text."""

    def write(path: Path) -> None:
        header = text.ljust(118 - 1) + b"\n"
        member = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\0" * 64
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("X.npy", member)
            archive.writestr("y.npy", member)

    return write


def struct_step(path: Path) -> None:
    steps = pa.array([{"a": 1}, {"a": 2}])
    table = pa.table({"series_id": ["s", "s"], "label": ["up"] * 2, "step": steps, "value": [1, 2]})
    pq.write_table(table, path)


def deep_list(path: Path) -> None:
    pq.write_table(rows(0).set_column(3, "value", pa.array([[[1.0]]] * 4)), path)


SHAPED = b"{'descr': '%s', 'fortran_order': False, 'shape': (%s)}"
HOSTILE: dict[str, tuple[str, Callable[[Path], None]]] = {
    "encrypted": ("a.npz", encrypted),
    "unknown zip method": ("a.npz", unknown_method),
    "header of no literal": ("a.npz", with_header(b"{'descr': (")),
    "header of deep brackets": ("a.npz", with_header(b"(" * 100)),
    "header of an object": ("a.npz", with_header(SHAPED % (b"|O", b"1,"))),
    "negative shape": ("a.npz", with_header(SHAPED % (b"<f8", b"-1,4"))),
    "letters of no size": ("a.npz", with_header(SHAPED % (b"<U0", b"1000000000000,"))),
    "truth value as shape": ("a.npz", with_header(SHAPED % (b"<f8", b"True,4"))),
    "struct as step": ("a.parquet", struct_step),
    "lists of lists": ("a.parquet", deep_list),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_goes_to_quarantine_alone(root: Root, inbox: Root, kind: str) -> None:
    name, write = HOSTILE[kind]
    write(Path(inbox.join(name)))
    drop(inbox, "good.parquet", rows(100))
    report = sweep(root, inbox)
    became = {file["file"]: file["became"] for file in report["files"]}
    assert became == {name: "quarantined", "good.parquet": "added"}
    assert len(open_dataset(root, "toy").labels()) == 64
    [reason] = Path(inbox.join("quarantine")).glob("*.reason.txt")
    assert reason.read_text().count("\n") == 1
    assert inbox.names() == ["done", "quarantine"]


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_in_one_line(
    root: Root, tmp_path: Path, seqclass: Command, prefect: str, kind: str
) -> None:
    name, write = HOSTILE[kind]
    write(tmp_path / name)
    code, out, err = seqclass("import", tmp_path / name, "--name", "x")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith(f"seqclass: {tmp_path / name}")
    assert "Traceback" not in err
    assert root.names("datasets") == []


def test_a_damaged_file_of_any_format_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    n, refused = 15, []
    (tmp_path / "whole").mkdir()
    for file, number in itertools.product(whole_files(tmp_path / "whole"), range(n)):
        rng = np.random.default_rng([number, len(file.name)])
        bad = tmp_path / f"bad{file.suffix}"
        bad.write_bytes(damaged(file.read_bytes(), rng))
        try:
            list(read_files([str(bad)], ColumnNames()))
        except RefusalError as error:
            refused.append((file, number, str(error).removeprefix(str(bad))))
    assert [case for case in refused if case[2].startswith("/") or "\n" in case[2]] == []
    assert len(refused) > n


def test_a_footer_that_ends_the_process_of_pyarrow_is_refused(tmp_path: Path) -> None:
    """Seed 39 of the damaged files: `row_group(0).column(2)` aborts, as of pyarrow 26."""
    (tmp_path / "whole").mkdir()
    [whole] = [file for file in whole_files(tmp_path / "whole") if file.name == "long.parquet"]
    rng = np.random.default_rng([39, len(whole.name)])
    (bad := tmp_path / "bad.parquet").write_bytes(damaged(whole.read_bytes(), rng))
    with pytest.raises(RefusalError, match="expected a Parquet file"):
        list(read_files([str(bad)], ColumnNames()))


@pytest.mark.parametrize("kind", ["link", "pipe", "dangling link"])
def test_what_is_no_regular_file_is_set_aside_unopened(
    root: Root, inbox: Root, tmp_path: Path, kind: str
) -> None:
    (secret := tmp_path / "secret.csv").write_text("series_id,label,value\nsecret word\n")
    place = Path(inbox.join("a.csv"))
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(secret if kind == "link" else tmp_path / "nowhere")
    drop(inbox, "good.parquet", rows(100))
    became = {file["file"]: file["became"] for file in sweep(root, inbox)["files"]}
    assert became == {"a.csv": "quarantined", "good.parquet": "added"}
    [reason] = Path(inbox.join("quarantine")).glob("*.reason.txt")
    assert "expected a regular file, got a" in reason.read_text()
    assert "secret word" not in reason.read_text()
    assert reason.stat().st_mode & 0o077 == 0
    assert secret.exists()


def test_the_reason_is_for_the_eyes_that_may_see_the_file(root: Root, inbox: Root) -> None:
    (file := Path(inbox.join("a.csv"))).write_text("series_id,label,value\na private word\n")
    file.chmod(0o600)
    sweep(root, inbox)
    [reason] = Path(inbox.join("quarantine")).glob("*.reason.txt")
    assert reason.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_folder_with_a_link_or_a_pipe_is_refused_and_a_named_link_is_read(
    tmp_path: Path, kind: str
) -> None:
    (file := tmp_path / "a.csv").write_text("series_id,label,value\na,k,1\n")
    (folder := tmp_path / "folder").mkdir()
    place = folder / "b.csv"
    os.mkfifo(place) if kind == "pipe" else place.symlink_to(file)
    with pytest.raises(RefusalError, match="expected regular files in a folder"):
        expand([str(folder)], "PATH")
    if kind == "link":
        assert expand([str(place)], "PATH") == [str(place)]
    else:
        with pytest.raises(ValueError, match="expected an existing file or folder"):
            expand([str(place)], "PATH")


def test_a_damaged_dataset_is_not_the_fault_of_the_files(root: Root, inbox: Root) -> None:
    dataset = open_dataset(root, "toy")
    Path(dataset.folder, "part-00000.parquet").write_bytes(b"other")
    drop(inbox, "good.parquet", rows(100))
    with pytest.raises(ValueError, match=r"part-00000\.parquet"):
        sweep(root, inbox)
    assert inbox.names() == ["good.parquet"]


ESCAPE = "\x1b]0;owned\x07"


@pytest.mark.parametrize(
    "text",
    [
        f"series_id,label,x\ns{ESCAPE},k,1\n",
        f"series_id,label,x\ns,k{ESCAPE},1\n",
        f"series_id,label,x{ESCAPE}\ns,k,1\n",
        f"series_id,label,x\ns,k,one{ESCAPE}\n",
        f"series_id,label{ESCAPE},x\ns,k,1\n",
        "series_id,label,x\ns\u202e,k,1\n",
    ],
    ids=["id", "label", "channel", "value", "column", "direction"],
)
def test_nothing_of_a_file_steers_the_terminal(
    root: Root, tmp_path: Path, seqclass: Command, prefect: str, text: str
) -> None:
    (tmp_path / "a.csv").write_text(text)
    code, out, err = seqclass("import", tmp_path / "a.csv", "--name", "x")
    assert (code, out) == (2, "")
    assert all(c.isprintable() or c in "\n" for c in err.splitlines()[-1])
    assert root.names("datasets") == []


def test_an_error_is_as_long_as_a_line_may_be(
    tmp_path: Path, seqclass: Command, prefect: str
) -> None:
    (tmp_path / "a.csv").write_text(f"series_id,label,x\ns,k,{'z' * 900_000}\n")
    code, _, err = seqclass("import", tmp_path / "a.csv", "--name", "x")
    assert code == 2
    assert len(err.splitlines()[-1]) < 2500
