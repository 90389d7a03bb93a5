"""Mains hum and tones: nothing where the planner keeps off it, told where it doesn't."""

import numpy as np
import pytest
from test_gradient import Polynomial

from hge_spice.drive import Floats
from hge_spice.gradient import Measurement, homodyne
from hge_spice.imperfections import seen_through
from hge_spice.study.bench.check import check
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study
from hge_spice.tones import TonePlan, plan_from_harmonics, plan_tones

HUM = {"mains": {"amplitude": 1e-9, "frequency": 50.0, "harmonics": ((0.5,), (0.3,), (0.1,))}}


def off_by(plan: TonePlan) -> Floats:
    """What 1 nA of hum does to derivatives of a linear device: [tone], A/V."""
    how = Measurement(plan, np.full(3, 0.01), np.arange(3.0))
    dut = Polynomial()
    dut.curvature = np.zeros((3, 3))
    (found,) = homodyne(seen_through(dut, HUM, 0), np.zeros(3), np.zeros((1, 1)), how)
    return np.asarray(found.jacobian - dut.slope)


def test_hum_is_nothing_to_tones_that_keep_off_it_and_all_of_itself_on_one() -> None:
    """On a tone it adds its own amplitude over the tone's, by the cosine of its phase: 50 nA/V at most at 100 Hz."""
    off = plan_tones(3, 0.1, 512, mains=50)
    assert np.abs(off_by(off)).max() < 1e-18
    on = np.abs(off_by(plan_from_harmonics((7, 10, 18), 0.1, 512)))
    assert np.abs(on[[0, 2]]).max() < 1e-18
    assert 1e-9 < on[1] < 0.5e-9 / 0.01 * (1 + 1e-9)


@pytest.mark.parametrize(
    ("tones", "said"),
    [
        ("[7, 10, 16, 17, 19]", ["the tone at 100 Hz"]),
        ("[5, 10, 16, 17, 19]", ["tones at 50 Hz, 100 Hz"]),
        ("[7, 11, 15, 17, 19]", []),  # 150 Hz: the hum has no third harmonic
    ],
)
def test_a_study_is_told_which_tones_its_hum_falls_on(tones: str, said: list[str]) -> None:
    settings = ['perturbation.window="100 ms"', f"perturbation.tones={tones}"]
    settings += ['imperfections.mains={amplitude="5 pA", harmonics=[["50 %"], ["0 %"]]}']
    remarks = check(parse_study(load_study("xor", settings)))
    for words, remark in zip(said, remarks, strict=True):
        assert f"falls on {words}, and is taken" in remark
        assert 'perturbation.mains = "50 Hz" keeps tones off it' in remark
    planned = parse_study(load_study("xor", [settings[0], settings[2], 'perturbation.mains="50 Hz"']))
    assert check(planned) == ()
