"""Units of recorded columns as instruments, spreadsheets and people write them."""

import pytest

from hge_spice.study.lab.headings import heading

OUTPUT = ("current", "voltage")


@pytest.mark.parametrize(
    ("text", "dimensions", "name", "factor", "dimension"),
    [
        ("I [nA]", OUTPUT, "I", 1e-9, "current"),
        ("current (nA)", OUTPUT, "current", 1e-9, "current"),
        ("I/pA", OUTPUT, "I", 1e-12, "current"),
        ("U / mV", OUTPUT, "U", 1e-3, "voltage"),
        ("I_uA", OUTPUT, "I", 1e-6, "current"),
        ("ai0 [V]", OUTPUT, "ai0", 1.0, "voltage"),
        ("Time(ms)", ("time",), "Time", 1e-3, "time"),
        ("t [min]", ("time",), "t", 60.0, "time"),
        ("µs", ("time",), "µs", 1e-6, "time"),
    ],
)
def test_a_unit_is_read_wherever_it_stands(
    text: str, dimensions: tuple[str, ...], name: str, factor: float, dimension: str
) -> None:
    found = heading(text, dimensions)
    assert (found.name, found.dimension, found.stated) == (name, dimension, True)
    assert found.factor == pytest.approx(factor, rel=1e-15)


@pytest.mark.parametrize("text", ["i", "channel A", "CH_A", "output", "f(x)", "column2"])
def test_a_name_alone_is_a_current_that_was_not_said(text: str) -> None:
    found = heading(text, OUTPUT)
    assert (found.name, found.factor, found.dimension, found.stated) == (text, 1.0, "current", False)


@pytest.mark.parametrize(("text", "dimension"), [("i(vout_e0)", "current"), ("v(out)", "voltage")])
def test_ngspices_names_say_what_they_are(text: str, dimension: str) -> None:
    found = heading(text, OUTPUT)
    assert (found.name, found.factor, found.dimension, found.stated) == (text, 1.0, dimension, True)


@pytest.mark.parametrize("text", ["i [counts]", "i (counts)", "i / K"])
def test_a_unit_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"column 'i.*is no unit of current or voltage; head it \"i \[nA\]\""):
        heading(text, OUTPUT)
