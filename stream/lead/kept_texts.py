"""What is kept of a lead's texts: when each came and what was read from it, never its words."""

from stream.lead.state import LeadState, Read

MAX_TEXTS = 8
"""Texts of a lead that are kept, the newest."""


def keep(state: LeadState, text: Read) -> None:
    """Note what was read from a text."""
    state.texts = _newest([*state.texts, text])


def merge(state: LeadState, other: LeadState) -> None:
    """Join the texts of two histories."""
    state.texts = _newest([*state.texts, *other.texts])


def close(state: LeadState, at_s: float) -> list[str]:
    """Return the topics that a journey's texts were of; those count to no later journey."""
    found: dict[str, None] = {}
    for text in state.texts:
        said_s, _, _, _, topic, is_open = text
        if is_open and said_s <= at_s:
            text[-1] = False
            if topic is not None:
                found[topic] = None
    return list(found)


def _newest(texts: list[Read]) -> list[Read]:
    return sorted(texts, key=lambda text: float(text[0]))[-MAX_TEXTS:]
