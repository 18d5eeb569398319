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


def with_field(places: tuple[int, int], value: int) -> Callable[[Path], None]:
    """An archive with this number in every member's header in the file and in the directory."""

    def write(path: Path) -> None:
        content = bytearray(npz(path).read_bytes())
        for magic, place in zip((b"PK\x03\x04", b"PK\x01\x02"), places, strict=True):
            at = content.find(magic)
            while at >= 0:
                content[at + place : at + place + 2] = struct.pack("<H", value)
                at = content.find(magic, at + 4)
        path.write_bytes(content)

    return write


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
    "encrypted": (".npz", with_field((6, 8), 1)),
    "unknown zip method": (".npz", with_field((8, 10), 97)),
    "header of no literal": (".npz", with_header(b"{'descr': (")),
    "header of deep brackets": (".npz", with_header(b"(" * 100)),
    "header of an object": (".npz", with_header(SHAPED % (b"|O", b"1,"))),
    "negative shape": (".npz", with_header(SHAPED % (b"<f8", b"-1,4"))),
    "letters of no size": (".npz", with_header(SHAPED % (b"<U0", b"1000000000000,"))),
    "truth value as shape": (".npz", with_header(SHAPED % (b"<f8", b"True,4"))),
    "struct as step": (".parquet", struct_step),
    "lists of lists": (".parquet", deep_list),
}


def test_a_hostile_file_goes_to_quarantine_alone(root: Root, inbox: Root) -> None:
    for kind, (ending, write) in HOSTILE.items():
        write(Path(inbox.join(f"{kind}{ending}")))
    drop(inbox, "good.parquet", rows(100))
    became = {file["file"]: file["became"] for file in sweep(root, inbox)["files"]}
    hostile = {f"{kind}{ending}": "quarantined" for kind, (ending, _) in HOSTILE.items()}
    assert became == {**hostile, "good.parquet": "added"}
    assert len(open_dataset(root, "toy").labels()) == 64
    reasons = [*Path(inbox.join("quarantine")).glob("*.reason.txt")]
    assert [reason.read_text().count("\n") for reason in reasons] == [1] * len(HOSTILE)
    assert inbox.names() == ["done", "quarantine"]


def test_a_damaged_file_of_any_format_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    n, refused = 6, []
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


def test_what_is_no_regular_file_is_set_aside_unopened(
    root: Root, inbox: Root, tmp_path: Path
) -> None:
    """The reason is for the eyes that may see the file."""
    (secret := tmp_path / "secret.csv").write_text("series_id,label,value\nsecret word\n")
    os.mkfifo(inbox.join("pipe.csv"))
    Path(inbox.join("link.csv")).symlink_to(secret)
    Path(inbox.join("lost.csv")).symlink_to(tmp_path / "nowhere")
    (plain := Path(inbox.join("plain.csv"))).write_text("series_id,label,value\na private word\n")
    plain.chmod(0o600)
    drop(inbox, "good.parquet", rows(100))
    became = {file["file"]: file["became"] for file in sweep(root, inbox)["files"]}
    assert became.pop("good.parquet") == "added"
    assert became == dict.fromkeys(["link.csv", "lost.csv", "pipe.csv", "plain.csv"], "quarantined")
    reasons = [*Path(inbox.join("quarantine")).glob("*.reason.txt")]
    texts = [reason.read_text() for reason in reasons]
    assert sum("expected a regular file, got a" in text for text in texts) == 3
    assert not any("secret word" in text for text in texts)
    assert {reason.stat().st_mode & 0o777 for reason in reasons} == {0o600}
    assert secret.exists()


def test_a_folder_with_a_link_or_a_pipe_is_refused_and_a_named_link_is_read(
    tmp_path: Path,
) -> None:
    (file := tmp_path / "a.csv").write_text("series_id,label,value\na,k,1\n")
    (link := tmp_path / "links" / "b.csv").parent.mkdir()
    (pipe := tmp_path / "pipes" / "b.csv").parent.mkdir()
    link.symlink_to(file)
    os.mkfifo(pipe)
    for folder in (link.parent, pipe.parent):
        with pytest.raises(RefusalError, match="expected regular files in a folder"):
            expand([str(folder)], "PATH")
    assert expand([str(link)], "PATH") == [str(link)]
    with pytest.raises(ValueError, match="expected an existing file or folder"):
        expand([str(pipe)], "PATH")


def test_a_damaged_dataset_is_not_the_fault_of_the_files(root: Root, inbox: Root) -> None:
    dataset = open_dataset(root, "toy")
    Path(dataset.folder, "part-00000.parquet").write_bytes(b"other")
    drop(inbox, "good.parquet", rows(100))
    with pytest.raises(ValueError, match=r"part-00000\.parquet"):
        sweep(root, inbox)
    assert inbox.names() == ["good.parquet"]


ESCAPE = "\x1b]0;owned\x07"


def test_nothing_of_a_file_steers_the_terminal(tmp_path: Path, seqclass: Command) -> None:
    for text in (
        f"series_id,label,x\ns{ESCAPE},k,1\n",
        f"series_id,label,x\ns,k{ESCAPE},1\n",
        f"series_id,label,x\ns,k,one{ESCAPE}\n",
        f"series_id,label{ESCAPE},x\ns,k,1\n",
        f"series_id,label,note{ESCAPE},x\ns,k,n,1\n",
        "series_id,label,x\ns\u202e,k,1\n",
    ):
        (tmp_path / "a.csv").write_text(text)
        code, out, err = seqclass("inspect", tmp_path / "a.csv")
        assert (code, out, err.count("\n")) == (2, "", 1), text
        assert err.strip().isprintable(), text


def test_an_error_is_as_long_as_a_line_may_be(tmp_path: Path, seqclass: Command) -> None:
    (tmp_path / "a.csv").write_text(f"series_id,label,x\ns,k,{'z' * 900_000}\n")
    code, _, err = seqclass("inspect", tmp_path / "a.csv")
    assert (code, err.count("\n")) == (2, 1)
    assert len(err) < 2500
