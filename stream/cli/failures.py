"""What people are told of errors that come from the libraries below."""

from aiokafka.errors import KafkaConnectionError, KafkaError
from pydantic import SecretStr, ValidationError

from stream.kafka.authorization import DENIED, denial
from stream.settings import Settings


def told(error: Exception) -> str | None:
    """Return what to say of an error, in one line; None where it is a fault of leadstream."""
    if isinstance(error, KafkaConnectionError):
        return f"Kafka does not answer ({error}); check LEADSTREAM_KAFKA_BOOTSTRAP"
    if isinstance(error, DENIED):
        return denial(error)
    if isinstance(error, KafkaError):
        said = f": {error}" if str(error) else ""
        return (
            f"Kafka did not do it ({type(error).__name__}{said}); once it is well, run this again"
        )
    if isinstance(error, ValidationError):
        return _invalid(error)
    return None


def _invalid(error: ValidationError) -> str:
    first = error.errors()[0]
    field = "_".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    known = Settings.model_fields.get(field)
    is_secret = known is not None and known.annotation is SecretStr
    given = "**********" if is_secret else repr(first["input"])
    prefix = f"LEADSTREAM_{field.upper()} = {given}: " if field else ""
    return f"{prefix}{message}; `leadstream settings` lists all settings"
