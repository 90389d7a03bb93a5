"""The report of many trials: a row and a page for each, drawn by its script."""

import base64
import hashlib
import json
import re

import pandas as pd
import pytest
from test_report import HARMONICS, OUTPUTS, SCRIPT, STUDY, VERSIONS, Page, _is_read, write_trial

from hge_spice import plot
from hge_spice.study.report.pages import _page
from hge_spice.study.report.report import FIRST, write_report
from hge_spice.study.run.ledger import Ledger
from hge_spice.traces import read_raw, write_raw


def data_of(page: Page) -> dict:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page.source, re.DOTALL)
    return json.loads(text)


def test_a_voltage_is_one_on_the_page_of_its_trial(tmp_path):
    folder = tmp_path / "t0"
    result = write_trial(folder) | {"output_unit": "V"}
    ((title, vectors), *others) = read_raw(folder / "waveform.raw")
    plots = [(title, {"time": vectors["time"], "v(output)": vectors["i(output)"]})] * (1 + len(others))
    write_raw(folder / "waveform.raw", plots)
    comparison = json.loads((folder / "gradient.json").read_text())
    (folder / "gradient.json").write_text(json.dumps(comparison | {"estimate_unit": "V/V"}))
    page = _page(folder, result, {}, plot.amplitude_spectrum)
    assert (page["unit"], page["gradient"]["unit"]) == ("V", "V/V")
    assert page["spectrum"]["amplitude"][HARMONICS[0] - 1] == pytest.approx(1e-10, rel=1e-2)


def test_of_many_trials_each_has_a_row_and_a_page(tmp_path):
    count, failed = FIRST + 20, 4
    with Ledger(tmp_path) as ledger:
        for k in range(count):
            ledger.add(f"t{k}", k, {"training.seed": k, "task.name": "</script><b>"}, k)
            if k >= count - failed:
                ledger.fail(f"t{k}", f"too steep at {k}", 1.0, VERSIONS)
            else:
                result = write_trial(tmp_path / "trials" / f"t{k}") if k < 3 else {"solved": True}
                ledger.finish(f"t{k}", result | {"gap_over_span": -1.0 if k == FIRST + 5 else 0.5}, 1.0, VERSIONS)
    (tmp_path / "study.toml").write_text("title = 'many'\n[specs]\ngap_over_span = { min = 0.3 }")
    page = Page(write_report(tmp_path))
    assert not [value for value in page.values("id") if value.startswith("trial-")]
    assert all(f"#t=t{k}" in page.values("href") for k in range(count))
    data = data_of(page)
    assert data["id"] == [f"t{k}" for k in range(count)]
    assert set(data["pages"]) == set(data["id"])
    assert data["pages"]["t0"]["outputs"] == OUTPUTS
    assert data["pages"]["t0"]["spectrum"]["amplitude"][HARMONICS[0] - 1] == pytest.approx(1e-10, rel=1e-2)
    assert (data["pages"]["t0"]["unit"], data["pages"]["t0"]["gradient"]["unit"]) == ("A", "A/V")
    assert len(data["networks"]) == 1  # kept once
    assert "steps" not in data["pages"]["t9"]  # nothing to draw
    assert data["passed"].count(True) == count - failed - 1
    assert "gap_over_span ≥ 0.3 27 of 32 84.4 %" in page.text
    assert "too steep at 28 4 t28" in page.text
    # the script that runs is the one that the policy names, and nothing from the study can end its data
    (policy,) = [about["content"] for tag, about in page.elements if tag == "meta" and "http-equiv" in about]
    digest = base64.b64encode(hashlib.sha256(SCRIPT.read_bytes()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert page.source.count("</script>") == 2
    assert pd.read_csv(tmp_path / "yield.csv")["passed"].tolist()[:2] == [27, 27]
    # the worst first, with the command that runs it alone
    worst = page.text.index("Worst trials")
    assert page.text.index(f"--set training.seed={FIRST + 5} --set", worst) < page.text.index("training.seed=0 ", worst)


def test_a_swept_trials_own_study_is_what_its_section_shows(tmp_path):
    folder = tmp_path / "trials" / "ab"
    with Ledger(tmp_path) as ledger:
        ledger.add("ab", 0, {"perturbation.amplitude": "32 mV"}, 0)
        ledger.finish("ab", write_trial(folder), 1.0, VERSIONS)
    (tmp_path / "study.toml").write_text(STUDY.format(title="'swept'"))
    page = _is_read(tmp_path)
    assert "tone amplitude, peak 32 mV 32 mV" in page.text
    assert "perturbation.amplitude = 32 mV" in page.text
