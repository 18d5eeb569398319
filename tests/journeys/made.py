"""Files as users have them, made by arithmetic that is the same on every machine."""

import csv
import math
import random
from pathlib import Path


def strokes(path: Path, numbers: range) -> None:
    """Write a long CSV of a press: columns ``series_id``, ``label``, ``step``, ``force``."""
    generator = random.Random(1)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["series_id", "label", "step", "force"])
        for number in numbers:
            worn, peak = generator.random() < 0.4, generator.uniform(12, 28)
            for step in range(40):
                force = 20 * math.exp(-(((step - peak) / 5) ** 2)) + generator.gauss(0, 1)
                if worn:
                    force += 4 * math.exp(-(((step - peak - 9) / 2) ** 2))
                table.writerow([f"s{number:04}", ["good", "worn"][worn], step, f"{force:.3f}"])
