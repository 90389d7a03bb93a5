import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hge_spice.study.text.units import DIMENSIONS, quantity, render

# every quantity of interface.md and of the brief's list of traps, as written there
WRITTEN = [
    ("77 K", "temperature", 77.0),
    ("-40 C", "temperature", 233.15),
    ("27 C", "temperature", 300.15),
    ("125 C", "temperature", 398.15),
    ("-0.7 V", "voltage", -0.7),
    ("0.7 V", "voltage", 0.7),
    ("1.8 V", "voltage", 1.8),
    ("1.62 V", "voltage", 1.62),
    ("1.98 V", "voltage", 1.98),
    ("-0.3 V", "voltage", -0.3),
    ("0.3 V", "voltage", 0.3),
    ("2 mV", "voltage", 0.002),
    ("20 mV", "voltage", 0.02),
    ("1 mV", "voltage", 0.001),
    ("50 mV", "voltage", 0.05),
    ("25 ms", "time", 0.025),
    ("0.1 s", "time", 0.1),
    ("1e-5 nA^2/Hz", "current noise density", 1e-23),
    ("1 kHz", "frequency", 1e3),
    ("1.5k", "resistance", 1500.0),
    ("50 ppm", "ratio", 5e-5),
    ("2 nA", "current", 2e-9),
    ("8 nA", "current", 8e-9),
    ("75 nm", "length", 7.5e-8),
    ("10 nm", "length", 1e-8),
    ("1e14 Hz", "frequency", 1e14),
    ("0 mV", "voltage", 0.0),
    ("30 mV", "voltage", 0.03),
]
TRAPS = [
    ("20 mK", "temperature", 0.02),
    ("10 min", "time", 600.0),
    ("2h", "time", 7200.0),
    ("1.5 h", "time", 5400.0),
    ("5 ms", "time", 5e-3),  # m stays milli
    ("27 °C", "temperature", 300.15),
    ("27 degC", "temperature", 300.15),
    ("77K", "temperature", 77.0),
    ("5 m", "length", 5.0),
    ("5 mm", "length", 5e-3),
    ("10 aF", "capacitance", 1e-17),
    ("1 F", "capacitance", 1.0),
    ("10 MΩ", "resistance", 1e7),
    ("10 kohm", "resistance", 1e4),
    ("10 Mohm", "resistance", 1e7),
    ("10 mOhm", "resistance", 1e-2),
    ("1 pJ", "energy", 1e-12),
    ("1 eV", "energy", 1.602176634e-19),
    ("5 meV", "energy", 8.01088317e-22),
    ("10 %", "ratio", 0.1),
    ("10%", "ratio", 0.1),
    ("3.9", "ratio", 3.9),
    ("1e-4", "ratio", 1e-4),
    ("2 µV", "voltage", 2e-6),  # Latin-1's micro sign
    ("2 \u03bcV", "voltage", 2e-6),  # the Greek letter
    ("2uV", "voltage", 2e-6),
    ("−0.7 V", "voltage", -0.7),
    ("  2 mV ", "voltage", 0.002),
    ("10u", "voltage", 1e-5),
    ("1 nA²/Hz", "current noise density", 1e-18),
    ("1 nA**2 / Hz", "current noise density", 1e-18),
    ("1 A^2/Hz", "current noise density", 1.0),
    ("3 pA/rtHz", "current noise density", 9e-24),
    ("3 pA/sqrt(Hz)", "current noise density", 9e-24),
    ("3 pA/√Hz", "current noise density", 9e-24),
    ("3 A/sqrt(Hz)", "current noise density", 9.0),
]
WRONG = [
    ("77 K", "voltage"),
    ("77k", "temperature"),  # K or kilo
    ("77 mC", "temperature"),
    ("25 V", "time"),
    ("25 mv", "voltage"),
    ("5m", "voltage"),  # metre, minute or milli
    ("5 m", "time"),
    ("5 mmin", "time"),
    ("5 kh", "time"),
    ("5 hs", "time"),
    ("5 min", "frequency"),
    ("5 h", "length"),
    ("50 ppm", "voltage"),
    ("5 mm", "ratio"),
    ("1 nA", "current noise density"),
    ("1 nV^2/Hz", "current noise density"),
    ("1 A^2/kHz", "current noise density"),
    ("-3 pA/rtHz", "current noise density"),
    ("1 Meg", "resistance"),
    ("0,7 V", "voltage"),
    ("1,000 V", "voltage"),
    ("1_000 V", "voltage"),
    ("a = 3 V", "voltage"),
    ("5 = 3 V", "voltage"),
    ("5 V # three", "voltage"),
    ("$5", "voltage"),
    ("1..2 V", "voltage"),
    ("0x10 V", "voltage"),
    ("٣ V", "voltage"),
    ("", "voltage"),
    ("V", "voltage"),
    ("auto", "voltage"),
    ("inf", "time"),
    ("-inf", "time"),
    ("inf V", "voltage"),
    ("nan", "time"),
    ("NaN V", "voltage"),
    ("∞ V", "voltage"),
    ("1e400 V", "voltage"),
    ("1e308 TV", "voltage"),
    (math.inf, "time"),
    (math.nan, "time"),
    (10**400, "time"),
    (True, "ratio"),
    (None, "voltage"),
    ([1.0], "voltage"),
]


@pytest.mark.parametrize(("text", "dimension", "value"), WRITTEN + TRAPS)
def test_units_are_read_as_people_write_them(text, dimension, value):
    assert quantity(text, dimension) == value  # to the last bit: decimal prefixes are applied in decimal


@pytest.mark.parametrize(("value", "dimension"), WRONG)
def test_what_is_something_else_is_refused_with_value_unit_and_example(value, dimension):
    with pytest.raises(ValueError, match=f"is not a {dimension}") as refused:
        quantity(value, dimension)
    message = str(refused.value)
    assert message.startswith(repr(value))
    assert f"such as {DIMENSIONS[dimension].example!r}" in message
    assert not DIMENSIONS[dimension].si or f"write it in {DIMENSIONS[dimension].si}" in message


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_the_example_in_every_message_is_right(dimension):
    assert quantity(DIMENSIONS[dimension].example, dimension) > 0


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_a_bare_number_is_in_the_si_unit(dimension):
    assert quantity(3, dimension) == quantity(3.0, dimension) == quantity("3", dimension) == 3.0


@pytest.mark.parametrize(
    ("value", "dimension", "text"),
    [
        (0.002, "voltage", "2 mV"),
        (-0.7, "voltage", "-700 mV"),
        (0, "voltage", "0 V"),
        (77.0, "temperature", "77 K"),
        (0.025, "time", "25 ms"),
        (5e-9, "current", "5 nA"),
        (1e-23, "current noise density", "1e-23 A^2/Hz"),
        (5e-5, "ratio", "5e-05"),
        (0.1 + 0.2, "ratio", "0.3"),
    ],
)
def test_values_are_written_as_people_do(value, dimension, text):
    assert render(value, dimension) == text


@pytest.mark.parametrize("dimension", sorted(DIMENSIONS))
def test_what_is_beyond_anything_on_a_bench_is_refused(dimension):
    most = DIMENSIONS[dimension].most
    assert quantity(most, dimension) == most
    assert quantity(-most, dimension) == -most
    for far in (1.01 * most, -1.01 * most):
        with pytest.raises(ValueError, match="it is beyond"):
            quantity(far, dimension)


def test_what_is_not_finite_is_not_written():
    with pytest.raises(ValueError, match="not a finite voltage"):
        render(math.nan, "voltage")


@settings(deadline=None)
@given(share=st.floats(-0.999, 0.999), dimension=st.sampled_from(sorted(DIMENSIONS)))
def test_what_is_written_reads_back_to_12_digits(share, dimension):
    value = share * DIMENSIONS[dimension].most
    assert quantity(render(value, dimension), dimension) == pytest.approx(value, rel=6e-12, abs=1e-300)


units = [unit for kind in DIMENSIONS.values() for unit in kind.units]
nearly = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["1", "-2.5", "1e-5", "1e400", "inf", "nan", ".5", "1.", "1e", "", "1,0"]) | st.text(max_size=5),
    st.sampled_from(["", " "]),
    st.sampled_from(["", "m", "M", "k", "K", "n", "u", "µ", "p"]) | st.text(max_size=2),
    st.sampled_from(units) | st.text(max_size=4),
)


@settings(deadline=None)
@given(text=st.text() | nearly, dimension=st.sampled_from(sorted(DIMENSIONS)))
def test_any_text_is_a_finite_number_or_a_value_error(text, dimension):
    try:
        value = quantity(text, dimension)
    except ValueError as error:
        ours = str(error).startswith(f"{text!r} is not a {dimension}: ")
    else:
        ours = math.isfinite(value)
    assert ours
