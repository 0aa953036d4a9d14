"""What was read from a lead's texts, as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table


def texts_table(texts: Sequence[Mapping[str, Any]]) -> Table:
    """Return a lead's newest texts, as ``explain`` tells them, for people."""
    table = Table(
        "when", "language", "sounds", "says", "about",
        title="Texts, newest last", title_justify="left",
    )  # fmt: skip
    for text in texts:
        sentiment, topic = text["sentiment"], text["topic"]
        about = "-" if topic is None else f"{topic['name'] or 'not known any more'} ({topic['id']})"
        table.add_row(
            text["occurred_at"],
            text["language"] or "-",
            "-" if sentiment is None else f"{sentiment:+.2f}",
            ", ".join(intent.replace("_", " ") for intent in text["intents"]) or "-",
            about,
        )
    return table
