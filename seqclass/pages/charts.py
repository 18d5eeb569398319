"""The style of pictures by Matplotlib."""

INK, ACCENT, MUTED = "#1f2933", "#0b7285", "#adb5bd"
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "sequence-classification",
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
}


def plain_text(text: str) -> str:
    """Escape a text so that Matplotlib does not read it as a formula."""
    return text.replace("$", r"\$")
