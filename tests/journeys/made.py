"""Files as users have them, made by arithmetic that is the same on every machine."""

import csv
import json
import math
import random
from pathlib import Path

SMALL = {"seeds": 2, "recipe": {"updates": 100, "epochs": 0}, "members": ["steps", "conv-lstm"]}
"""A training that takes seconds: two seeds of short fits."""


def small_spec(folder: Path, **fields: object) -> None:
    (folder / "small.json").write_text(json.dumps({**SMALL, **fields}))


def strokes(path: Path, numbers: range, worn_force: float = 4.0, seed: int = 1) -> None:
    """Write a long CSV of a press: columns ``series_id``, ``label``, ``step``, ``force``."""
    generator = random.Random(seed)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["series_id", "label", "step", "force"])
        for number in numbers:
            worn, peak = generator.random() < 0.4, generator.uniform(12, 28)
            for step in range(40):
                force = 20 * math.exp(-(((step - peak) / 5) ** 2)) + generator.gauss(0, 0.8)
                if worn:
                    force += worn_force * math.exp(-(((step - peak - 9) / 2) ** 2))
                table.writerow([f"s{number:04}", ["good", "worn"][worn], step, f"{force:.3f}"])


def machines(path: Path, numbers: range) -> None:
    """Write a messy CSV: semicolons, decimal commas, dates, gaps, unequal lengths, groups."""
    generator = random.Random(2 + numbers.start)
    with path.open("w", newline="", encoding="cp1252") as file:
        table = csv.writer(file, delimiter=";")
        table.writerow(["Maschine", "Lauf", "Zeit", "Drehzahl", "Öldruck", "Zustand"])
        for number in numbers:
            broken = number % 3 == 0
            for step in range(generator.randint(25, 35)):
                speed = 1500 + 40 * math.sin(step / 3) + generator.gauss(0, 5)
                pressure = 4 - (0.05 * step if broken else 0) + generator.gauss(0, 0.1)
                cells = ["" if generator.random() < 0.03 else f"{x:.2f}".replace(".", ",")
                         for x in (speed, pressure)]  # fmt: skip
                time = f"{1 + number % 28:02}.03.2026 08:{step:02}:00"
                state = "defekt" if broken else "gut"
                table.writerow([f"M{number // 5}", f"L{number:03}", time, *cells, state])
