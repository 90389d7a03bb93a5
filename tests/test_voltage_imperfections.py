"""Imperfections of an output that is read as a voltage: in volts, or in amperes at an amplifier's input."""

from typing import Any

import numpy as np
import pytest

from hge_spice.drive import Drive, Floats
from hge_spice.study.bench.bench import Bench
from hge_spice.study.tables.spec import StudyError, parse_study
from hge_spice.study.text.files import load_study

GAIN = 1e7
AMPLIFIER = {"kind": "transimpedance", "gain": "10 Mohm"}
LOAD = {"kind": "voltage", "load": "1 Mohm"}


def study(readout: dict[str, Any], imperfections: dict[str, Any], **more: Any) -> dict[str, Any]:
    raw = load_study("xor", ["perturbation.amplitude=2 mV", "perturbation.settle=0 s", "perturbation.points=64"])
    return raw | {"readout": readout, "imperfections": imperfections} | more


def outputs(raw: dict[str, Any], count: int = 3) -> Floats:
    """[measurement, point], of read-outs and extractions in turns."""
    with Bench.of(parse_study(raw)) as bench:
        how = bench.recipe.measurement
        drives = [
            Drive(
                bench.control(),
                bench.recipe.inputs[n % 4],
                how.tones(bench.dut.controls) if n % 2 else (),
                how.transient,
            )
            for n in range(count)
        ]
        return np.array([bench.dut.measure(drive).output for drive in drives])


def test_currents_at_an_amplifiers_input_are_volts_behind_it() -> None:
    """The same instrument stated in both ways, and around a current: what it adds is the gain times that."""
    currents = {
        "readout_noise": {"psd": "13 fA/rtHz", "at": "1 kHz"},
        "mains": {"amplitude": "5 pA", "harmonics": [[0], ["30 %"]]},
        "drift": {"time": "1 s", "offset": "20 pA"},
        "telegraph_noise": {"amplitude": "10 pA", "up": "5 ms", "down": "5 ms"},
        "lockin_offset": {"in_phase": "3 pA"},
    }
    volts = {
        "readout_noise": {"psd": "130 nV/rtHz", "at": "1 kHz"},
        "mains": {"amplitude": "50 uV", "harmonics": [[0], ["30 %"]]},
        "drift": {"time": "1 s", "offset": "200 uV"},
        "telegraph_noise": {"amplitude": 1e-4, "up": "5 ms", "down": "5 ms"},
        "lockin_offset": {"in_phase": "30 uV"},
    }
    amplified, stated = (outputs(study(AMPLIFIER, given)) for given in (currents, volts))
    assert amplified == pytest.approx(stated, rel=1e-12)
    added = amplified - outputs(study(AMPLIFIER, {}))
    of_a_current = outputs(study({}, currents)) - outputs(study({}, {}))
    assert added == pytest.approx(GAIN * of_a_current, abs=1e-9 * np.abs(amplified).max())
    assert np.abs(added).max() > 1e-4


def test_a_preset_stands_before_an_amplifier() -> None:
    read = parse_study(study(AMPLIFIER, {"preset": "room_temperature_bench"})).imperfections
    assert read["readout_noise"]["psd"] == pytest.approx((13e-15 * GAIN) ** 2)
    assert read["adc"]["range"] == pytest.approx(1e-7 * GAIN)
    assert read["tia"]["saturation"] == pytest.approx(1e-7 * GAIN)
    assert read["tia"]["bandwidth"] == 20e3
    assert read["control_noise"]["psd"] == pytest.approx(50e-9**2)
    assert read["dac"]["range"] == 10.5
    table = {"readout_noise": {"psd": [["10 Hz", "1 uV/rtHz"], ["1 kHz", "10 fA/rtHz"]]}}
    assert parse_study(study(AMPLIFIER, table)).imperfections["readout_noise"]["psd"] == (
        (10.0, pytest.approx(1e-12)),
        (1e3, pytest.approx((1e-14 * GAIN) ** 2)),
    )


def test_on_a_load_noise_has_its_density_and_a_converter_its_steps() -> None:
    noisy = outputs(study(LOAD, {"readout_noise": {"psd": "1 uV/rtHz"}}), 60) - outputs(study(LOAD, {}), 60)
    assert noisy.var() == pytest.approx(1e-12 * 64 / (2 * 25e-3), rel=4 * np.sqrt(2 / noisy.size))
    converted = outputs(study(LOAD, {"adc": {"bits": 8, "range": "64 mV"}})) / 0.5e-3
    assert converted == pytest.approx(np.round(converted), abs=1e-9)
    assert np.ptp(converted) > 1
    again = parse_study(study(LOAD, {}, retrain={"after": {"drift": {"offset": "1 mV"}}})).retrain.after
    assert again["drift"]["offset"] == 1e-3


@pytest.mark.parametrize(
    ("readout", "imperfections", "message"),
    [
        (LOAD, {"tia": {"gain_error": "1 %"}}, "tia amplifies a current"),
        (LOAD, {"readout_noise": {"psd": "1 fA/rtHz"}}, r"imperfections: readout_noise\.psd: .*voltage on a load"),
        (LOAD, {"preset": "cryostat_77K"}, r"imperfections: drift\.offset: .*voltage on a load"),
        (AMPLIFIER, {"adc": {"range": "1 ohm"}}, r"adc\.range: .*or a current at the amplifier's input"),
        (AMPLIFIER, {"adc": {"rage": "1 V"}}, r"unknown key adc\.rage"),
        (AMPLIFIER, {"adc": {"range": "-1 nA"}}, r"adc\.range: .*should be above 0"),
        (AMPLIFIER, {"rust": {}}, "unknown imperfection 'rust'"),
        (AMPLIFIER, {"preset": "kitchen"}, "kitchen"),
        ({}, {"adc": {"range": "1 V"}}, r"adc\.range"),
        ({"kind": "transimpedance", "gain": "1 V"}, {"drift": {}}, r"readout\.gain"),
    ],
)
def test_what_has_no_meaning_is_refused_by_name(
    readout: dict[str, Any], imperfections: dict[str, Any], message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        parse_study(study(readout, imperfections))
