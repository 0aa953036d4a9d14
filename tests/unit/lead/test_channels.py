import pytest

from stream.lead.channels import Source, source_of

PAGE = {"type": "page_view", "url": "https://www.example.com/pricing"}


def campaign(source="", medium="", name=""):
    return {"campaign": {"source": source, "medium": medium, "name": name}}


@pytest.mark.parametrize(
    ("source", "medium", "channel"),
    [
        ("google", "cpc", "paid_search"),
        ("www.bing.com", "ppc", "paid_search"),
        ("facebook", "paid-social", "paid_social"),
        ("partner", "cpc", "paid_other"),
        ("google", "organic", "organic_search"),
        ("google", "", "organic_search"),
        ("linkedin", "", "organic_social"),
        ("LinkedIn", "Social", "organic_social"),
        ("list", "newsletter", "email"),
        ("any", "E-Mail", "email"),
        ("ads", "cpm", "display"),
        ("blog.example.org", "referral", "referral"),
        ("blog.example.org", "", "referral"),
        ("", "carrier pigeon", "other"),
    ],
)
def test_a_campaign_is_grouped_by_medium_and_source(source, medium, channel):
    event = PAGE | {"context": campaign(source, medium, "spring")}
    assert source_of(event) == Source(channel, "spring")
    query = f"?utm_source={source}&utm_medium={medium}&utm_campaign=spring"
    assert source_of(PAGE | {"url": PAGE["url"] + query}) == Source(channel, "spring")


@pytest.mark.parametrize(
    ("referrer", "channel"),
    [
        ("https://www.google.de/", "organic_search"),
        ("https://duckduckgo.com", "organic_search"),
        ("https://l.facebook.com/x", "organic_social"),
        ("https://www.linkedin.com/feed", "organic_social"),
        ("https://netflix.com/x.co", "referral"),
        ("https://somebody.example.org/blog", "referral"),
        (None, "direct"),
        ("", "direct"),
        ("no url", "direct"),
        ("https://[broken", "direct"),
    ],
)
def test_else_the_referrer_says_it(referrer, channel):
    assert source_of(PAGE | {"referrer": referrer}) == Source(channel)


def test_going_on_within_the_website_brings_nobody():
    assert source_of(PAGE | {"referrer": "https://example.com/"}) is None


@pytest.mark.parametrize(
    "context", [None, 7, "x", [], {"campaign": 3}, {"campaign": {"source": 5, "name": ["x"]}}]
)
def test_a_context_may_be_any_json(context):
    assert source_of(PAGE | {"context": context}) == Source("direct")


def test_mails_calls_and_webinars_are_channels_of_their_own_and_other_activities_none():
    assert source_of({"type": "email_click", "campaign_id": "may"}) == Source("email", "may")
    assert source_of({"type": "email_click"}) == Source("email")
    assert source_of({"type": "activity", "name": "webinar_attended"}) == Source("webinar")
    assert source_of({"type": "activity", "name": "logged_in"}) is None


def test_names_are_cut():
    found = source_of(PAGE | {"context": campaign("google", "cpc", "x" * 500)})
    assert found == Source("paid_search", "x" * 64)
