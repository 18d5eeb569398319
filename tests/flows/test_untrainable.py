"""What an import can never be trained on, and the page after a champion has moved."""

from pathlib import Path

from seqclass.store.root import Root
from tests.support.commands import Command
from tests.support.stored import store_champion


def written(folder: Path, n: int, classes: str) -> Path:
    rows = [f"u{i},{classes[i % len(classes)]},{t},{i * t}" for i in range(n) for t in range(3)]
    path = folder / "in.csv"
    path.write_text("\n".join(["series_id,label,step,x", *rows, ""]))
    return path


def test_series_without_labels_are_counted(seqclass: Command, tmp_path: Path, prefect: str) -> None:
    path = written(tmp_path, 9, "abc")
    path.write_text(path.read_text().replace(",a,", ",,"))
    code, out, err = seqclass("import", path, "--name", "mine")
    assert code == 0, err
    assert "without a label" in out
    assert "3 (neither train nor test)" in out


def test_the_page_names_the_champion_that_there_is_now(seqclass: Command, root: Root) -> None:
    keys = ("accuracy", "macro_f1", "balanced_accuracy", "log_loss", "ece")
    for number in range(2):
        store_champion(root, "m", number, metrics=dict.fromkeys(keys, 0.5))
    page = Path(root.join("index.html"))
    assert seqclass("rollback", "m")[0] == 0
    before = page.read_text()
    assert seqclass("promote", "m@v2", "--force")[0] == 0
    assert page.read_text() != before
