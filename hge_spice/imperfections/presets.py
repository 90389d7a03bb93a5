"""Sets of imperfections by name, as a study writes them: what a bench is like before anyone measured one's own.

Each number has its public source beside it; "ours" marks one without. A study's own keys come on top, name by name.
"""

from collections.abc import Mapping
from typing import Any

# A 16-bit card's outputs, and what wanders on a bench of such instruments within an hour
_CARD_AND_HOUR: Mapping[str, Any] = {
    # 50 µV rms from DC to 1 MHz: 50 nV/√Hz (National Instruments AT-MIO-16X, user manual, analogue output)
    "control_noise": {"psd": "50 nV/rtHz", "colour": "white"},
    # 16 bits, ±10.5 V nominal (National Instruments NI-9264, calibration data). INL and DNL: ours
    "dac": {"bits": 16, "range": "10.5 V", "inl": 2, "dnl": 1},
    "drift": {
        "kind": "random_walk",
        "time": "1 h",
        "control": "0.1 mV",
        "offset": "20 pA",
        "gain": "0.1 %",
    },  # ours
}

PRESETS: dict[str, Mapping[str, Any]] = {
    # A current amplifier and a 16-bit card on a table, screened cables, no thermostat
    "room_temperature_bench": {
        **_CARD_AND_HOUR,
        # thermal noise of a 100 Mohm feedback resistor at 295 K: 4kT/R is 12.8 fA/√Hz squared (Nyquist 1928). The
        # amplifier's own is below it: 5.5 fA/√Hz at 10 Hz (Basel SP 983, data sheet 1.2). Corner of its flicker: ours
        "readout_noise": {"psd": "13 fA/rtHz", "at": "1 kHz", "colour": "white"},
        # 20 kHz at 1e8 V/A (Basel SP 983). Gain error, and saturation at ±10 V over 1e8 V/A: ours
        "tia": {"gain_error": "0.5 %", "bandwidth": "20 kHz", "saturation": "100 nA"},
        # 16 bits and ±10 V (AT-MIO-16X) behind 1e8 V/A. INL and DNL of one step: ours
        "adc": {"bits": 16, "range": "100 nA", "inl": 1, "dnl": 0.5},
        "mains": {"amplitude": "5 pA", "frequency": "50 Hz", "harmonics": [[0], ["30 %"]]},  # ours
        "clock": {"frequency_error": "25 ppm"},  # quartz oscillators of ±25 ppm are usual; the choice is ours
    },
    # A dopant network in liquid nitrogen, read through a current amplifier at room temperature
    "cryostat_77K": {
        **_CARD_AND_HOUR,
        # 1e-5 nA²/Hz at 1 kHz (Boon et al., Nature Communications 2025, doi 10.1038/s41467-025-65155-7). Pink: ours
        "readout_noise": {"psd": "1e-5 nA^2/Hz", "at": "1 kHz", "colour": "pink"},
        # read-out of 100 nA/V clipped at 350 nA (public code of that paper's first author, 2019–20). Bandwidth: ours
        "tia": {"gain_error": "0.5 %", "bandwidth": "20 kHz", "saturation": "350 nA"},
        # ±10 V of a 16-bit card behind 100 nA/V. INL and DNL: ours
        "adc": {"bits": 16, "range": "1 uA", "inl": 1, "dnl": 0.5},
    },
    # An integrated front end beside the network: small converters, wide amplifiers, flicker noise. Nearly all is ours
    "cmos_130nm_frontend": {
        # 4kT/R of 10 Mohm at 300 K: 41 fA/√Hz (Nyquist 1928), taken at 100 kHz with flicker below: ours
        "readout_noise": {"psd": "41 fA/rtHz", "at": "100 kHz", "colour": "pink"},
        "control_noise": {"psd": "100 nV/rtHz", "at": "10 kHz", "colour": "pink"},  # ours
        "tia": {"gain_error": "2 %", "offset": "100 pA", "bandwidth": "200 kHz", "saturation": "60 nA"},  # ours
        "adc": {"bits": 10, "range": "60 nA", "inl": 1, "dnl": 0.5, "jitter": "50 ps"},  # ours
        "dac": {"bits": 10, "range": "0.9 V", "inl": 1, "dnl": 0.5},  # ours
        "lockin_offset": {"in_phase": "0.5 pA", "quadrature": "0.5 pA"},  # ours
        "quadrature_error": {"phase": "0.5 deg", "skew": "0.5 deg"},  # ours
        "clock": {"frequency_error": "50 ppm"},  # ours
    },
}
