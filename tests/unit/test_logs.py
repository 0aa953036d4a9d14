import logging

from stream.logs import BURST, WINDOW_S, RateLimit


def _line(text: object) -> logging.LogRecord:
    return logging.LogRecord("a", logging.ERROR, "f", 1, text, (), None)


def test_a_message_that_repeats_is_held_back_and_the_next_window_says_how_often() -> None:
    now_s = [0.0]
    limit = RateLimit(lambda: now_s[0])
    passed = [limit.filter(_line({"event": "broken", "n": n})) for n in range(BURST + 7)]
    assert passed == [True] * BURST + [False] * 7
    assert limit.filter(_line("another"))
    now_s[0] = WINDOW_S + 1
    again = _line({"event": "broken"})
    assert limit.filter(again)
    assert again.msg == {"event": "broken", "held_back": 7}


def test_lines_of_libraries_are_held_back_too() -> None:
    now_s = [0.0]
    limit = RateLimit(lambda: now_s[0])
    assert sum(limit.filter(_line("no broker")) for _ in range(100)) == BURST
    now_s[0] = WINDOW_S + 1
    line = _line("no broker")
    assert limit.filter(line)
    assert line.getMessage() == f"no broker [{100 - BURST} more were held back]"
