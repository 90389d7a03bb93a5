"""[device]: a block of one's own, parameters of elements, and what doesn't go together."""

import re

import pytest
from test_files import write
from test_spec import LEAST

from hge_spice.devices import ELEMENTS
from hge_spice.study.tables.device import Device
from hge_spice.study.tables.spec import (
    StudyError,
    load_study,
    parse_study,
)


def test_a_block_of_your_own(tmp_path):
    write(
        tmp_path,
        "s.toml",
        """
[device]
subcircuit = "block.cir"
parameters = { w = "2u", n = 3 }
[bias]
vdd = "1.8 V"
[probe]
nodes = ["x1.n3", "@m.x1.m2[id]"]
[electrodes]
output = "out"
output_voltage = "0.9 V"
inputs = ["a", "b"]
controls = ["c"]
[task]
name = "and"
""",
    )
    found = parse_study(load_study(tmp_path / "s.toml"))
    assert found.device.family == "subcircuit"
    assert found.device.subcircuit == str(tmp_path / "block.cir")  # seen from the study, not from where one stands
    assert found.device.temperature == pytest.approx(300.15)
    assert found.device.parameters == {"w": 2e-6, "n": 3.0}
    assert found.bias == {"vdd": 1.8}
    assert found.electrodes.output_voltage == 0.9
    assert found.probe.nodes == ("x1.n3", "@m.x1.m2[id]")


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ({"subcircuit": "a.cir", "sites": 3}, "sites is no key of a block of your own"),
        ({"subcircuit": "a.cir", "family": "dopant"}, "needs subcircuit"),
        ({"family": "subcircuit"}, "needs subcircuit"),
        ({"name": "x"}, "name belongs to a block of your own"),
        ({"subcircuit": "a.cir", "allow_outside": 1}, "1 should be true or false"),
    ],
)
def test_a_block_and_a_network_dont_mix(device, message):
    raw = {**LEAST, "device": device}
    with pytest.raises(StudyError, match=message):
        parse_study(raw)


@pytest.mark.parametrize(
    ("family", "parameters", "si"),
    [
        ("sinh", {"i0": "5 nA", "v0": "60 mV", "ea": "0.2 eV"}, {"i0": 5e-9, "v0": 0.06, "ea": 0.2 * 1.602176634e-19}),
        ("diode", {"saturation_current": "1 fA", "antiparallel": 1, "series_resistance": "1 kohm"}, None),
        ("hp_biolek", {"d": "16 nm", "roff": "1.5k", "x0": "40 %"}, {"d": 16e-9, "roff": 1500.0, "x0": 0.4}),
        ("pershin", {"beta": 2e12, "vth": "1.6 V"}, {"beta": 2e12, "vth": 1.6}),
    ],
)
def test_parameters_of_elements_are_read_in_their_units(family, parameters, si):
    device = Device.model_validate({"family": family, "parameters": parameters})
    if si is not None:
        assert device.parameters == pytest.approx(si)
    assert device.temperature == ELEMENTS[family].all_parameters["temperature"].default


@pytest.mark.parametrize(
    ("family", "parameters", "message"),
    [
        ("sinh", {"i0": "5 mV"}, "'5 mV' is not a current"),
        ("sinh", {"i00": "5 nA"}, "sinh has no parameter 'i00'; did you mean i0?"),
        ("sinh", {"v0": "0 V"}, "v0 of sinh is 0 V; it must be above 0"),
        ("team", {"x0": "5 nm"}, "x0 of team is 5e-09; it must be in 0 … 3e-09"),
        ("dopant", {"i0": 1}, "parameters belongs to a block of your own"),
    ],
)
def test_parameters_that_do_not_fit_an_element_are_refused(family, parameters, message):
    study = {**LEAST, "device": {"family": family, "parameters": parameters}}
    with pytest.raises(StudyError, match=re.escape(message)):
        parse_study(study)


@pytest.mark.parametrize("table", ["pdk", "cluster"])
def test_an_unknown_key_of_a_table_that_may_be_absent_is_said(table):
    with pytest.raises(StudyError, match=rf"unknown key {table}\.zzz; known: "):
        parse_study(load_study("xor", [f"{table}.zzz=1"]))


def test_states_go_on_where_a_study_says_so():
    assert Device.model_validate({"family": "pershin"}).reinitialise
    assert not Device.model_validate({"family": "pershin", "graph": "grid", "reinitialise": False}).reinitialise
    with pytest.raises(StudyError, match="reinitialise"):
        parse_study({**LEAST, "device": {"reinitialise": False}})
