"""Commands for ragas: draw their melodies, hear and see them."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqclass.flows.cli.command_line import (
    DatasetName,
    SeedOption,
    WeightsOption,
    comma_words,
    existing,
    leave_on_interrupt,
    numbers,
    read_spec,
    span_of,
)
from seqclass.flows.cli.dataset_commands import draw
from seqclass.flows.cli.option_groups import OutputPlace, SpreadPlace
from seqclass.flows.cli.printing import print_json, print_table
from seqclass.flows.cli.spec_files import PARSERS, read_spec_file
from seqclass.flows.cli.views import print_facts
from seqclass.ragas.recording_options import TonicOption, check_tonic
from seqclass.ragas.voting_commands import vote
from seqclass.store.root import open_root, printable

if TYPE_CHECKING:
    from seqclass.ragas.definitions import Raga
    from seqclass.ragas.naming import Naming

Ragas = Annotated[
    str,
    typer.Option(help="Ragas, melakartas, sets (author, main, A1..A3, B1..B13, all), files."),
]
Representation = Annotated[str, typer.Option(help="svara, letters or contour.")]
Rule = Annotated[str, typer.Option(help="honest, or author: slices of the lines.")]
Series = Annotated[int, typer.Option(help="Series to draw.")]
Notes = Annotated[str, typer.Option(help="Svaras of a series: 64, or 48..96.")]
Windows = Annotated[int, typer.Option(help="Series cut from one composition.")]
Duration = Annotated[bool, typer.Option("--duration", help="svara: add seconds of each.")]
Octave = Annotated[bool, typer.Option("--octave", help="letters: add octaves.")]
NoPhrases = Annotated[bool, typer.Option("--no-phrases", help="Lines alone: twins are the same.")]
Tonic = Annotated[str, typer.Option(help="known, or unknown: pitch above a fixed C.")]
TonicHz = Annotated[str, typer.Option(help="Lowest and highest Sa.")]
Transpose = Annotated[str, typer.Option(help="Lowest and highest shift, in semitones.")]
Kala = Annotated[str, typer.Option(help="Tempo factors to draw from, such as 1,2,4.")]
Seconds = Annotated[float, typer.Option(help="contour: length of a series.")]
Rate = Annotated[float, typer.Option(help="contour: frames a second.")]
NoGamaka = Annotated[bool, typer.Option("--no-gamaka", help="contour: plain svaras.")]
ModelOption = Annotated[str, typer.Option(help="A model of contours: NAME or NAME@vN.")]
SpecFile = Annotated[
    str | None, typer.Option(help="JSON file of other fields of the spec (docs/ragas.md).")
]


@dataclass(frozen=True)
class RagaOptions:
    """Options for melodies and their representation."""

    ragas: Ragas = "author"
    representation: Representation = "svara"
    rule: Rule = "honest"
    n_series: Series = 5000
    n_notes: Notes = "64"
    windows: Windows = 1
    duration: Duration = False
    octave: Octave = False
    no_phrases: NoPhrases = False
    tonic: Tonic = "known"
    tonic_hz: TonicHz = "120,220"
    transpose: Transpose = "0,0"
    kala: Kala = "1"
    seconds: Seconds = 10.0
    rate_hz: Rate = 25.0
    no_gamaka: NoGamaka = False
    weights: WeightsOption = None
    seed: SeedOption = 0

    def selected(self) -> dict[str, Any]:
        """Return the fields of the spec, converted from options that have another form."""
        from seqclass.synthesis.random_series import Uniform

        plain = {name: value for name, value in asdict(self).items() if name not in OTHERWISE}
        return {
            **plain,
            "ragas": ragas_of(comma_words(self.ragas)),
            "n_notes": span_of("--n-notes", self.n_notes),
            "phrases": not self.no_phrases,
            "gamaka": not self.no_gamaka,
            "tonic_hz": Uniform(*_pair("--tonic-hz", self.tonic_hz)),
            "transpose": _whole_pair("--transpose", self.transpose),
            "kalas": numbers("--kala", self.kala),
            "weights": numbers("--weights", self.weights) if self.weights else (),
        }


OTHERWISE = {"no_phrases", "no_gamaka", "kala"}
"""Options whose name in the spec is different."""


def generate_ragas(
    options: RagaOptions, place: SpreadPlace, name: DatasetName = "ragas", spec: SpecFile = None
) -> None:
    """Draw Carnatic melodies as svaras, letters or pitch contours."""
    from seqclass.ragas.raga_spec import RagaSpec

    draw("ragas", name, read_spec(RagaSpec, options.selected(), spec), place)


def _pair(argument: str, text: str) -> tuple[float, float]:
    limits = numbers(argument, text)
    if len(limits) not in (1, 2):
        raise ValueError(
            f"{argument}: expected one number or lowest,highest, got {text!r}; correct it"
        )
    return limits[0], limits[-1]


def _whole_pair(argument: str, text: str) -> tuple[int, int]:
    low, high = _pair(argument, text)
    if not (low.is_integer() and high.is_integer()):
        raise ValueError(f"{argument}: expected whole semitones, got {text!r}; round them")
    return int(low), int(high)


def name_raga(
    path: Annotated[str, typer.Argument(help="A recording: WAV, FLAC, MP3 or OGG.")],
    model: ModelOption,
    place: OutputPlace,
    tonic_hz: TonicOption = None,
    out: Annotated[
        str | None, typer.Option(help="HTML page of it (default: NAME-raga.html here).")
    ] = None,
) -> None:
    """Name the raga of a recording, by a model of contours."""
    from seqclass.inference.answer_files import check_target, written_whole
    from seqclass.ragas.naming import contours_of, default_page, hear_song, name_song, naming_page
    from seqclass.ragas.recordings.recording_format import check_recording
    from seqclass.store.formats import ColumnNames, Limits
    from seqclass.store.formats.facts import Listener
    from seqclass.store.registry import open_model

    store, page = existing(place.root), out or default_page(path)
    check_tonic(tonic_hz)
    version = open_model(store, model)
    of = contours_of(version)
    check_recording(path)
    check_target(store, page)
    names = ColumnNames(rate_hz=of.rate_hz, tonic_hz=tonic_hz)
    from seqclass.bars import FileBars, bars

    leave_on_interrupt()
    with bars() as progress:
        song = hear_song(path, names, Limits(), Listener(FileBars(progress)))
    from seqclass.ragas.loaded_model import LoadedModel

    classifier = LoadedModel(version)
    named = name_song(classifier, of, song)
    with written_whole(page) as file:
        file.write(naming_page(classifier, of, song, named).encode())
    show_named(named, page, place.as_json)


def show_named(naming: "Naming", page: str, as_json: bool) -> None:
    """Print the raga of a recording with the first five, and its tonic."""
    if as_json:
        print_json({**naming, "page": page})
        return
    typer.echo(f"{printable(naming['recording']['file'])}: {naming['why']}")
    print_table(naming["ragas"])
    print_facts([naming["recording"]])
    typer.echo(f"page: {page}")


def listen(
    dataset: Annotated[str, typer.Argument(help="A dataset of melodies: NAME or NAME@VERSION.")],
    out: Annotated[str, typer.Option(help="Folder for the files.")],
    place: OutputPlace,
    series: Annotated[list[str] | None, typer.Option(help="Id of a series; repeatable.")] = None,
    each_class: Annotated[
        bool, typer.Option("--each-class", help="The first series of every class.")
    ] = False,
) -> None:
    """Write melodies as WAV, MIDI and pictures of their svaras."""
    from seqclass.store.datasets import open_dataset
    from seqclass.store.layout import check_free

    store = open_root(place.root)
    check_free(store, "--out", out)
    opened = open_dataset(store, dataset)
    from seqclass.ragas.listening import folder_of
    from seqclass.ragas.listening import listen as write

    folder = folder_of(out)
    written = write(opened, tuple(series or ()), each_class, folder)
    if place.as_json:
        print_json(written)
        return
    for entry in written["files"]:
        typer.echo(f"{entry['label']}: {folder.address(entry['wav'])}, .mid and .png")


def ragas_of(words: tuple[str, ...]) -> "tuple[str | Raga, ...]":
    """Return names and sets as they are, and files replaced by the ragas that they define."""
    ragas: list[str | Raga] = []
    for word in words:
        is_file = Path(word).suffix.lower() in PARSERS or Path(word).is_file()
        ragas += read_ragas(word) if is_file else [word]
    if not ragas:
        raise ValueError("--ragas: expected names of ragas or a file, got none; name some")
    return tuple(ragas)


def read_ragas(path: str) -> "tuple[Raga, ...]":
    """Read ragas that a file defines; ValueError names the file and the problem."""
    if Path(path).suffix.lower() not in PARSERS:
        raise ValueError(
            f"--ragas: expected a file that ends in {' or '.join(PARSERS)}, got {path!r}; rename it"
        )
    try:
        entries = read_spec_file("--ragas", path)
    except FileNotFoundError as error:
        raise ValueError(
            f"--ragas: expected an existing file, got {path!r}; check the path"
        ) from error
    from seqclass.ragas.definitions import ragas_from

    try:
        return ragas_from(entries)
    except ValueError as error:
        raise ValueError(f"--ragas {path}: {error}") from error


COMMANDS = {"generate": (generate_ragas,), "Answer": (vote,), "Ragas": (listen, name_raga)}
