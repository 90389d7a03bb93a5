"""What the pictures of elements show is the elements' own equations."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from hge_spice import cli
from hge_spice.devices import ELEMENTS
from hge_spice.plot.element import element_picture


def lines(figure: Figure, panel: int) -> dict[str, np.ndarray]:
    drawn = figure.axes[panel].get_lines()
    return {str(line.get_label()): np.array(line.get_data()) for line in drawn if len(line.get_xdata()) > 2}


def test_a_gated_element_is_drawn_at_its_gate_voltages() -> None:
    figure = element_picture(ELEMENTS["mosfet"], {"lam": 0.1})
    (current, slope), element = (lines(figure, k) for k in range(2)), ELEMENTS["mosfet"]
    assert list(current) == list(slope) == [f"gate at {g:g} V" for g in element.sweep.gates]
    voltage, drawn = current["gate at 1.4 V"]
    values = element.values({"lam": 0.1})
    expected = element.compiled_current(())(voltage, 1.4, *(values[s] for s in element.symbols))[0]
    np.testing.assert_allclose(drawn, 1e6 * expected, atol=1e-9)  # in µA
    assert figure.axes[0].get_ylabel() == "current / µA"
    measured = np.gradient(drawn, voltage)
    np.testing.assert_allclose(slope["gate at 1.4 V"][1][1:-1], measured[1:-1], atol=0.02 * measured.max())


def test_a_memristor_is_drawn_still_and_as_a_loop() -> None:
    figure = element_picture(ELEMENTS["hp_biolek"])
    assert len(figure.axes) == 3
    still = lines(figure, 0)
    assert [name.split(" at ")[1] for name in still] == [f"{s} % of its range" for s in (10, 50, 90)]
    resistance = [voltage[-1] / (1e-3 * current[-1]) for voltage, current in still.values()]
    assert resistance == pytest.approx([910, 550, 190])
    voltage, current = np.concatenate([np.array(line.get_data()) for line in figure.axes[2].get_lines()[:2]], axis=1)
    assert voltage.max() == pytest.approx(1, rel=1e-4)
    assert current.max() == pytest.approx(2.657, rel=1e-3)  # mA, as ngspice has it


def test_the_threshold_switch_at_rest_bends_back() -> None:
    figure = element_picture(ELEMENTS["threshold_switch"], {"series_resistance": 330.0})
    ((voltage, current),) = lines(figure, 0).values()
    rising = voltage >= 0
    slope = np.gradient(voltage[rising]) / np.gradient(1e-3 * current[rising])
    assert slope.min() == pytest.approx(-59, abs=2)  # ohm
    np.testing.assert_allclose(current, -current[::-1], atol=1e-12)
    # voltage is a function of current, and so is its slope, which goes through zero where the curve turns
    assert [figure.axes[1].get_xlabel(), figure.axes[1].get_ylabel()] == ["current / mA", "dV/dI / Ω"]
    ((at, resistance),) = lines(figure, 1).values()
    np.testing.assert_array_equal(at, current)
    measured = np.gradient(voltage, 1e-3 * current)
    far = np.abs(current) > 0.02
    np.testing.assert_allclose(resistance[far], measured[far], atol=2, rtol=2e-2)
    assert resistance.min() == pytest.approx(-59, abs=2)
    assert np.ptp(np.sign(resistance[current > 0])) == 2
    # both branches on the panel, told apart by eye: the negative one takes a tenth of its height and more
    low, high = figure.axes[1].get_ylim()
    assert low < resistance.min()
    to_panel = figure.axes[1].transData + figure.axes[1].transAxes.inverted()
    assert to_panel.transform((0, 0))[1] - to_panel.transform((0, resistance.min()))[1] > 0.1
    assert high > resistance.max()


def test_parameters_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="v0 of sinh is 0 V; it must be above 0"):
        element_picture(ELEMENTS["sinh"], {"v0": 0.0})


def test_a_picture_never_takes_anothers_place(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sinh.png").write_text("somebody's")
    monkeypatch.setattr("sys.argv", ["hge-spice", "plot", "sinh"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "sinh.png exists" in capsys.readouterr().err
    assert (tmp_path / "sinh.png").read_text() == "somebody's"
