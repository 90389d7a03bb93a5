"""The report in a browser: no console error, quick to open, and sorting, filtering and trial pages work."""

import contextlib
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_report import VERSIONS, write_trial

from hge_spice.study.report.report import write_report
from hge_spice.study.run.ledger import Ledger

pytestmark = pytest.mark.long
COUNT, FAILED = 1000, 7
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
STUDY = """
title = "A thousand trials"
[device]
[electrodes]
control_range = ["-0.7 V", "0.7 V"]
[task]
name = "xor"
[specs]
gap_over_span = { min = 0.3 }
"""


class Browser:
    """The W3C WebDriver protocol, of which this needs six commands."""

    def __init__(self, port: int, profile: str) -> None:
        self._base = f"http://127.0.0.1:{port}/session"
        options = {"args": [*FLAGS, f"--user-data-dir={profile}", "--window-size=1280,900"]}
        always = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self._base += "/" + self._post("", {"capabilities": {"alwaysMatch": always}})["sessionId"]

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(  # noqa: S310 - our own driver on this machine
            self._base + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.loads(answer.read())["value"]

    def open(self, path: Path) -> float:
        began = time.monotonic()
        self._post("/url", {"url": path.as_uri()})
        while self.run("return document.documentElement.dataset.ready") != "yes":
            assert time.monotonic() - began < 60, "the script of the report did not end"
        return time.monotonic() - began

    def run(self, script: str, *arguments: Any) -> Any:
        return self._post("/execute/sync", {"script": script, "args": list(arguments)})

    def click(self, selector: str) -> None:
        found = self._post("/element", {"using": "css selector", "value": selector})
        self._post(f"/element/{next(iter(found.values()))}/click", {})

    def type(self, selector: str, text: str) -> None:
        found = self._post("/element", {"using": "css selector", "value": selector})
        self._post(f"/element/{next(iter(found.values()))}/value", {"text": text})

    @property
    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self._post("/se/log", {"type": "browser"})]

    def close(self) -> None:
        request = urllib.request.Request(self._base, method="DELETE")  # noqa: S310
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=10):  # noqa: S310
            pass


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    driver = shutil.which("chromedriver")
    if driver is None or not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("needs chromium and chromedriver")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (
        tempfile.TemporaryDirectory() as profile,
        subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,
    ):
        try:
            for _ in range(100):
                with contextlib.suppress(OSError):
                    browser = Browser(port, profile)
                    break
                time.sleep(0.1)
            yield browser
            browser.close()
        finally:
            process.kill()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a thousand trials with the folders of real ones."""
    directory = tmp_path_factory.mktemp("browser") / "out"
    rng = np.random.default_rng(0)
    folders = directory / "trials"
    result = write_trial(folders / "t0")
    with Ledger(directory) as ledger, ledger.batch():
        for k in range(COUNT):
            name = f"t{k}"
            amplitude, seed = f"{1 + k % 5} mV", k // 5
            ledger.add(name, k, {"perturbation.amplitude": amplitude, "device.seed": seed}, seed)
            if k >= COUNT - FAILED:
                ledger.fail(name, f"ngspice stopped at {k} ms", 0.1, VERSIONS)
                continue
            if k:
                shutil.copytree(folders / "t0", folders / name)
            found = float(np.round(rng.uniform(-0.2, 0.8), 4))
            ledger.finish(name, result | {"gap_over_span": found, "loss": -found}, 1.0, VERSIONS)
    (directory / "study.toml").write_text(STUDY)
    return write_report(directory)


def test_a_thousand_trials_open_quickly_without_a_complaint(browser, report):
    assert report.stat().st_size < 8e6
    browser.open(report)  # the first opening starts the browser's processes too
    took = browser.open(report)
    print(f"{report.stat().st_size / 1e6:.2f} MB open in {took:.2f} s")  # noqa: T201 - a figure for whoever asks with -s
    assert browser.complaints == []
    assert browser.run("return document.querySelectorAll('#trials-body tr').length") == COUNT
    assert browser.run("return document.querySelectorAll('#scatter circle').length") == COUNT - FAILED
    assert browser.run("return document.querySelectorAll('#heat rect').length") > 5


def column(browser: Browser, name: str) -> list[float]:
    """The values of a column in the order of the table's visible rows."""
    script = """
        const data = JSON.parse(document.getElementById("data").textContent), name = arguments[0];
        return [...document.querySelectorAll("#trials-body tr")].filter((row) => !row.hidden)
          .map((row) => data.metrics[name][data.id.indexOf(row.querySelector("a code").textContent)]);
    """
    return list(browser.run(script, name))


def test_a_click_on_a_head_sorts_and_a_second_one_turns_it(browser, report):
    browser.open(report)
    head = "th[data-name=gap_over_span] button"
    browser.click(head)
    up = [value for value in column(browser, "gap_over_span") if value is not None]
    assert up == sorted(up)
    browser.click(head)
    down = column(browser, "gap_over_span")
    assert down[: COUNT - FAILED] == up[::-1]
    assert down[COUNT - FAILED :] == [None] * FAILED  # trials without a value stay at the end
    assert browser.run("return document.querySelector('th[data-name=gap_over_span]').ariaSort") == "descending"


def test_words_and_bounds_filter(browser, report):
    browser.open(report)
    browser.type("#filter", "gap_over_span>0.5 2")
    shown = column(browser, "gap_over_span")
    assert shown
    assert min(shown) > 0.5
    assert browser.run("return document.getElementById('shown').textContent") == f"{len(shown)} of {COUNT} shown"
    browser.open(report)
    browser.run(
        "const only = document.getElementById('only'); only.value = 'failed'; only.dispatchEvent(new Event('change'))"
    )
    assert len(column(browser, "gap_over_span")) == FAILED


def test_a_click_on_a_trial_opens_its_page_with_every_picture(browser, report):
    browser.open(report)
    browser.type("#filter", "t123")
    browser.click("#trials-body tr:not([hidden]) a")
    titles = browser.run("return [...document.querySelectorAll('#page h4')].map((each) => each.textContent)")
    assert titles == [
        "Outputs",
        "Loss",
        "Gap over span",
        "Control voltages",
        "Gradient against truth",
        "Output spectrum",
        "The network",
    ]
    page = browser.run("return document.getElementById('page').textContent")
    assert "--set 'perturbation.amplitude=\"4 mV\"' --set device.seed=24" in page
    assert "nonlinear (6 steps)" in page
    browser.run("location.hash = '#t=t999'")
    time.sleep(0.5)
    assert "ngspice stopped at 999 ms" in browser.run("return document.getElementById('page').textContent")
    assert browser.complaints == []


def test_a_narrow_screen_is_not_scrolled_sideways(browser, report):
    browser.open(report)
    browser._post("/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": NARROW})
    assert browser.run("return document.documentElement.scrollWidth") <= 390


NARROW = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
