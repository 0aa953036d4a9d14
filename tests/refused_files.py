"""What every refusal of a file of the house has to say."""


def check_told(refusal: object, line: str, told: str) -> None:
    """Check that a refusal of ``my.toml`` says file, line, what is at fault, and the remedy."""
    message = str(refusal)
    assert message.startswith("my.toml")
    assert f"{line}:" in message or f"{line}," in message
    assert told in message
    assert "Mend the line" in message
    assert len(message) < 1_000
