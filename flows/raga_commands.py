"""Commands for ragas: draw their melodies."""

from typing import Annotated, Any

import typer

from flows.command_line import (
    JsonFlag,
    RootOption,
    SeedOption,
    WeightsOption,
    numbers,
    prepare_prefect,
    span_of,
    words,
    writable,
)
from flows.printing import show_dataset


def generate_ragas(
    name: Annotated[str, typer.Option(help="Name of the dataset.")] = "ragas",
    ragas: Annotated[
        str,
        typer.Option(help="Ragas, melakartas, sets (author, main, A1..B13, all), files; by comma."),
    ] = "author",
    representation: Annotated[str, typer.Option(help="svara or letters.")] = "svara",
    rule: Annotated[str, typer.Option(help="honest or author.")] = "honest",
    n_series: Annotated[int, typer.Option(help="Series to draw.")] = 5000,
    n_notes: Annotated[str, typer.Option(help="Svaras of a series: 64, or 48..96.")] = "64",
    windows: Annotated[int, typer.Option(help="Series cut from one composition.")] = 1,
    duration: Annotated[bool, typer.Option(help="Add svaras' seconds to svara.")] = False,
    octave: Annotated[bool, typer.Option(help="Add octaves to letters.")] = False,
    phrases: Annotated[
        bool, typer.Option(help="Use what is not in the lines: phrases, turns, long svaras.")
    ] = True,
    tonic: Annotated[str, typer.Option(help="known, or unknown: pitch above a fixed C.")] = "known",
    tonic_hz: Annotated[str, typer.Option(help="Sa of a composition, by comma.")] = "120,220",
    transpose: Annotated[str, typer.Option(help="Semitones to shift compositions: 0,0.")] = "0,0",
    kala: Annotated[str, typer.Option(help="Tempo factors to draw from, such as 1,2,4.")] = "1",
    dropped: Annotated[float, typer.Option(help="Share of svaras left out.")] = 0.0,
    doubled: Annotated[float, typer.Option(help="Share of svaras written twice.")] = 0.0,
    wrong: Annotated[float, typer.Option(help="Share of svaras moved to a neighbour.")] = 0.0,
    weights: WeightsOption = None,
    seed: SeedOption = 0,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Draw melodies of Carnatic ragas: as svaras or as letters."""
    from tasks.raga_files import ragas_of
    from tasks.synthesis.drawing import Uniform
    from tasks.synthesis.renditions import RagaSpec

    chosen: dict[str, Any] = {
        "n_series": n_series, "n_notes": span_of("--n-notes", n_notes), "seed": seed, "rule": rule,
        "representation": representation, "windows": windows, "duration": duration,
        "octave": octave, "phrases": phrases, "tonic": tonic, "dropped": dropped,
        "doubled": doubled, "wrong": wrong, "kalas": numbers("--kala", kala),
        "tonic_hz": Uniform(*_pair("--tonic-hz", tonic_hz)),
        "transpose": tuple(int(end) for end in _pair("--transpose", transpose)),
        "weights": numbers("--weights", weights) if weights else (),
    }  # fmt: skip
    spec = RagaSpec(ragas_of(words(ragas)), **chosen)
    store = writable(root)
    prepare_prefect("generate")
    from flows.generation import generate_ragas as flow

    show_dataset(store, flow(name, spec, store.url), as_json)


def _pair(argument: str, text: str) -> tuple[float, float]:
    found = numbers(argument, text)
    if len(found) not in (1, 2):
        raise ValueError(
            f"{argument}: expected one number or lowest,highest, got {text!r}; correct it"
        )
    return found[0], found[-1]
