"""Topic ``form-fills``: forms that visitors sent in."""

from typing import Literal

from schemas.events import JsonObject, LeadEvent

FormKind = Literal["contact", "download", "webinar", "demo_request", "newsletter", "other"]


class FormFill(LeadEvent):
    """A form was sent in.

    ``email`` names the lead where no ``lead_id`` does; only its keyed hash travels on.
    """

    type: Literal["form_fill"]
    form_id: str
    form_kind: FormKind
    email: str | None = None
    text: str | None = None
    fields: JsonObject | None = None
