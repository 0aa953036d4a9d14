"""What counts of a text: its writer's words."""

import pytest

from online_models.text_words import LONGEST_TEXT, folded, own_text


@pytest.mark.parametrize(
    "quoted",
    [
        "On Mon, 3 May 2027 at 10:00, Sales <sales@example.com> wrote:\n> Unsubscribe",
        "Am 3. Mai schrieb Vertrieb:\n> Abmelden",
        "Le 3 mai 2027, Ventes a écrit :\n> Se désabonner",
        "El 3 de mayo, Ventas escribió:\n> Darse de baja",
        "-----Original Message-----\nUnsubscribe",
        "From: Sales\nSent: Monday\nUnsubscribe",
        "Von: Vertrieb\nGesendet: Montag\nAbmelden",
        "-- \nJo Doe, unsubscribe",
        "> Unsubscribe here",
    ],
)
def test_quoted_mail_and_signatures_are_put_aside(quoted: str) -> None:
    assert own_text(f"Yes please.\n\n{quoted}") == "Yes please."


def test_what_looks_alike_is_kept() -> None:
    text = "On Monday we talked.\nFrom: Berlin\nx -- y\n5 > 3"
    assert own_text(text) == text


def test_a_text_is_cut() -> None:
    assert own_text("x" * (LONGEST_TEXT + 1)) == "x" * LONGEST_TEXT


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("STRASSE straße", "strasse strasse"),
        ("Résilié à l\u2019été", "resilie a l'ete"),
        ("¿Cuánto?\tMañana", "¿cuanto? manana"),
        ("out-of-office \u2013 e_mail", "out of office e mail"),
    ],
)
def test_case_accents_and_hyphens_do_not_count(text: str, plain: str) -> None:
    assert folded(text) == plain


@pytest.mark.parametrize("text", [None, 3, b"x"])
def test_what_is_no_text_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="it must be a string"):
        own_text(text)  # type: ignore[arg-type]
