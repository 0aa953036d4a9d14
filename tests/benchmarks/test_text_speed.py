"""What reading a text costs, beside detecting its language: as ratios, since machines differ.

A mail of 500 characters: intents 46 us, detection 290, sentiment 250, all 640; intents of a text
that is nothing but phrases, of an unknown language, 180. Each round times all of them, so that a
machine that is slow for a while is slow for each.

    pytest -s tests/benchmarks/test_text_speed.py
"""

from collections.abc import Callable
from statistics import median
from timeit import timeit

from online_models.language_detection import LanguageDetector
from online_models.sentiment import sentiment
from online_models.text_intents import IntentRules
from online_models.text_reader import TextReader

MAIL = (
    "We have been looking at several vendors over the last quarter and my team would like to "
    "understand how your platform handles larger volumes of events from our warehouse. Could you "
    "tell me how the onboarding works and who on your side would be in charge? We are about sixty "
    "people in three countries, most of them in sales, and the current process is mostly done by "
    "hand in spreadsheets. I would be glad to hear what you would suggest for a start in spring. "
    "Please call me back, I need a quote."
)[:500]
DENSE = ("Not interested, how much? Call me asap! No complaints; please cancel, GDPR? " * 7)[:500]
ROUNDS, READINGS = 25, 20


def median_us(readings: dict[str, Callable[[], object]]) -> dict[str, float]:
    for read in readings.values():
        read()
    rounds = [
        {name: timeit(read, number=READINGS) for name, read in readings.items()}
        for _ in range(ROUNDS)
    ]
    return {name: 1e6 / READINGS * median(each[name] for each in rounds) for name in readings}


def test_intents_take_less_than_detecting_the_language_does() -> None:
    rules, detector, reader = IntentRules(), LanguageDetector(), TextReader()
    costs = median_us(
        {
            "intents": lambda: rules.predict_one(MAIL, "en"),
            "intents, dense, unknown": lambda: rules.predict_one(DENSE, None),
            "detection": lambda: detector.predict_one(MAIL),
            "sentiment": lambda: sentiment(MAIL),
            "all": lambda: reader.predict_one(MAIL),
        }
    )
    print("\n" + "; ".join(f"{name} {us:.0f} us" for name, us in costs.items()))
    assert costs["intents"] < 0.33 * costs["detection"]
    assert costs["intents, dense, unknown"] < 1.33 * costs["detection"]
