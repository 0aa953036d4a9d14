"""Reasons say what people would say."""

import pytest

from stream.lead.words import words_of


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        ("count:page_view", "page views"),
        ("count:form_fill:demo_request", "forms filled in: demo request"),
        ("count:activity:Called us", "activities: Called us"),
        ("count:strange", "strange"),
        ("last=page_view:pricing", "the newest event: page view pricing"),
        ("last=email_click", "the newest event: email click"),
        ("stage=negotiation", "stage: negotiation"),
        ("attribute:company_size", "company size"),
        ("attribute:url=https://a.b/c=d", "url: https://a.b/c=d"),
        ("since_last_event", "time since the event before"),
        ("other", "everything else"),
        ("baseline", "what an average lead has"),
        ("points", "rule points in all"),
        ("points:webinar", 'the rule "webinar"'),
        ("purchases_value", "purchases value"),
        ("", ""),
        (":", ":"),
    ],
)
def test_a_fact_has_words(fact, words):
    assert words_of(fact) == words
