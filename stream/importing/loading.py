"""Maps of imports, shipped ones by name and the house's own from files."""

from collections.abc import Callable
from pathlib import Path

from stream.importing.maps import ImportMap, MapError, parse_map
from stream.lead.outputs import Origin
from stream.lead.routing import Router
from stream.settings import Settings

SHIPPED = Path(__file__).with_name("maps")


def shipped_maps() -> list[str]:
    """Return the names of the maps that come with leadstream.

    >>> shipped_maps()
    ['hubspot', 'salesforce']
    """
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def load_map(name_or_path: str) -> ImportMap:
    """Return a shipped map by its name, or one from a file.

    Raises
    ------
    MapError
        If there is none, or it cannot be used.
    """
    is_shipped = name_or_path in shipped_maps()
    path = SHIPPED / f"{name_or_path}.toml" if is_shipped else Path(name_or_path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        told = getattr(error, "strerror", None) or error
        raise MapError(
            f"{name_or_path}: cannot be read ({told}); give a TOML file in UTF-8, or one of the "
            f"shipped maps: {', '.join(shipped_maps())}"
        ) from None
    return parse_map(text, str(name_or_path))


def checker(settings: Settings, now_s: float) -> Callable[[str, bytes], None]:
    """Return what raises a ``Refusal`` for an event that ``route`` would refuse.

    Parameters
    ----------
    now_s
        The wall clock, epoch seconds.
    """
    router = Router(
        settings.email_key.get_secret_value().encode(),
        settings.sealer(),
        replayed=settings.clock == "event",
        future_tolerance_s=settings.future_tolerance_s,
    )

    def check(topic: str, value: bytes) -> None:
        router.check(value, Origin(topic, 0, 0, now_s))

    return check
