"""Counts of what is left out, and how they are said."""

import json

from maskdistill.data.tally import Tally


def counted(*names: str, reason: str = "empty") -> Tally:
    tally = Tally()
    for name in names:
        tally.add(reason, name)
    return tally


def test_the_first_names_are_shown() -> None:
    assert str(counted("a", "b", "b")) == "3 empty (a, b)"
    assert str(counted("a", "b", "c")) == "3 empty (a, b, c)"
    assert str(counted("a", "b", "c", "d")) == "4 empty (a, b, c, ...)"
    long = "x" * 50
    assert str(counted(long, "b")) == f"2 empty ({long}, ...)"


def test_a_name_is_told_in_one_line() -> None:
    assert str(counted("a\nb", "\x1b[31mred", "\udcff", reason="odd")) == r"3 odd (a\nb, \x1b[31mred, \udcff)"
    assert str(counted("größe 😀")) == "1 empty (größe 😀)"


def test_tallies_of_several_processes_are_joined() -> None:
    whole = counted("a", reason="crowds")
    whole.merge(counted("a", "b", "c", "d"))
    whole.merge(Tally.of_json(json.loads(json.dumps(counted("e", "f").to_json()))))
    assert str(whole) == "1 crowds (a), 6 empty (a, b, c, ...)"
    assert (whole.total, whole.counts()) == (7, {"crowds": 1, "empty": 6})
    assert not Tally().total
