"""What is installed, what works, and what to do about the rest: `examine` finds out, `render` words it."""

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from hge_spice.ngspice import library
from hge_spice.shipped import shipped

PATIENCE = 20.0  # s; an answer takes 0.1 s on an idle machine


def examine(patience: float = PATIENCE) -> dict[str, Any]:
    """Everything there is to know about this set-up, ready for JSON.

    `usable` is whether simulations can run: the library solves a circuit and no dependency is missing. `problems` lists
    {`what`, `remedy`, `fatal`}; only the fatal ones stand against `usable`.

    patience : s, for each process that is asked
    """
    own, dependencies = _installed()
    libngspice, executable = _library(patience), _executable(patience)
    problems = [
        *_package_problems(own, dependencies),
        *_library_problems(libngspice),
        *_executable_problems(executable, libngspice.get("version")),
    ]
    return {
        "usable": not any(each["fatal"] for each in problems),
        "hge_spice": own,
        "python": {"version": platform.python_version(), "executable": sys.executable},
        "platform": platform.platform(),
        "studies": str(shipped("studies")),
        "netlists": str(shipped("netlists")),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "dependencies": dependencies,
        "libngspice": libngspice,
        "ngspice": executable,
        "problems": problems,
    }


def render(report: dict[str, Any]) -> str:
    """The report of `examine` as lines to read."""
    libngspice, executable, python = report["libngspice"], report["ngspice"], report["python"]
    dependencies = ", ".join(f"{name} {version or 'MISSING'}" for name, version in report["dependencies"].items())
    rows = {
        "hge_spice": report["hge_spice"] or "from source",
        "Python": f"{python['version']}, {python['executable']}",
        "system": f"{report['platform']}, CPUs: {report['cpus']}",
        "dependencies": dependencies or "unknown",
        "studies": report["studies"],
        "netlists": report["netlists"],
        "libngspice": f"{libngspice.get('version') or 'unknown version'}, {libngspice['path'] or 'not found'}",
    }
    if "divider" in libngspice:
        extensions = {"XSPICE": "xspice", "code models": "code_models", "KLU": "klu", "OSDI": "osdi"}
        rows["  has"] = ", ".join(f"{word}: {'yes' if libngspice[key] else 'no'}" for word, key in extensions.items())
        rows["  spinit"] = libngspice["spinit"] or "not found"
        rows["  solves"] = "a divider of 0.75 V: " + (
            "no" if libngspice["divider"] is None else f"{libngspice['divider']:g} V"
        )
    rows["ngspice"] = f"{executable['version'] or 'unknown version'}, {executable['path'] or 'not found'}"
    lines = [f"{name:<13} {text}" for name, text in rows.items()]
    for each in report["problems"]:
        lines += [
            "",
            f"{'problem' if each['fatal'] else 'note':<13} {each['what']}",
            f"{'  remedy':<13} {each['remedy']}",
        ]
    return "\n".join([*lines, "", "usable" if report["usable"] else "not usable"])


def _problem(what: str, remedy: str, *, fatal: bool) -> dict[str, Any]:
    return {"what": what, "remedy": remedy, "fatal": fatal}


def _package_problems(own: str | None, dependencies: dict[str, str | None]) -> Iterator[dict[str, Any]]:
    if own is None:
        what = "hge_spice is not installed, so its dependencies are unknown"
        yield _problem(what, "in its checkout, type: pip install -e .", fatal=False)
    for name, version in dependencies.items():
        if version is None:
            yield _problem(f"{name} is not installed", f"type: pip install {name}", fatal=True)


def _library_problems(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    other = "set NGSPICE_LIBRARY_PATH to another libngspice"
    if "NGSPICE_LIBRARY_PATH" in os.environ:
        other = "unset NGSPICE_LIBRARY_PATH, or set it to another libngspice"
    if "missing" in found:
        what, _, remedy = found["missing"].partition("; ")
        yield _problem(what, remedy, fatal=True)
    elif "error" in found:
        yield _problem(found["error"], f"{other}; to install one, {_install()}", fatal=True)
    elif found["divider"] is None or abs(found["divider"] - 0.75) > 1e-6:
        gives = "nothing" if found["divider"] is None else f"{found['divider']} V"
        what = f"libngspice gives {gives} for a divider's 0.75 V; its log ends: {found.get('log', '')}"
        yield _problem(what, f"{other}; to install one, {_install()}", fatal=True)
    elif not found["xspice"]:
        what = "libngspice was built without XSPICE: recorded noise and other XSPICE elements do not work"
        yield _problem(what, other, fatal=False)
    elif not found["code_models"]:
        by = f"by {found['spinit']}" if found["spinit"] else "as there is no spinit to do it"
        what = f"the XSPICE code models are not loaded {by}: recorded noise and other XSPICE elements do not work"
        yield _problem(what, _install(), fatal=False)


def _executable_problems(found: dict[str, str | None], library_version: str | None) -> Iterator[dict[str, Any]]:
    if found["path"] is None:
        what = "there is no ngspice command; the tests need it, and so does `ngspice -b` on a netlist of ours"
        yield _problem(what, _install(), fatal=False)
    elif found["version"] is None:
        yield _problem(f"{found['path']} --version tells no version", _install(), fatal=False)
    elif library_version not in {None, found["version"]}:
        what = f"the ngspice command is {found['version']} and the library {library_version}: results may differ"
        yield _problem(what, "put the command of the library's version first in PATH", fatal=False)


def _install() -> str:
    command = library.install_command()
    return f"type: {command}" if command else "install ngspice with its library by this system's package manager"


def _installed() -> tuple[str | None, dict[str, str | None]]:
    """Our version, None if not installed, and the version of each dependency, None if missing."""
    try:
        requirements = metadata.requires("hge-spice") or []
        own = metadata.version("hge-spice")
    except metadata.PackageNotFoundError:
        return None, {}
    names = [re.split(r"[^\w.-]", line)[0] for line in requirements if "extra ==" not in line]
    return own, {name: _version(name) for name in names}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _library(patience: float) -> dict[str, Any]:
    """What `library.interrogate` says, with the library's `path`; its process may crash or hang, this one doesn't."""
    try:
        path = str(library.find_library())
    except library.NgspiceNotFound as missing:
        return {"path": None, "missing": str(missing)}
    command = [sys.executable, "-I", library.__file__, "--interrogate", path]
    # an empty home, as the workers have, so that no .spiceinit answers for the library
    with tempfile.TemporaryDirectory(prefix="hge_spice-") as home:
        try:
            # our own file, and a path that has just been checked
            asked = subprocess.run(  # noqa: S603
                command, cwd=home, env=os.environ | {"HOME": home}, capture_output=True, timeout=patience, check=False
            )
        except subprocess.TimeoutExpired:
            return {"path": path, "error": f"libngspice gave no answer within {patience:g} s"}
    if asked.returncode != 0:
        death = (
            f"signal {signal.Signals(-asked.returncode).name}" if asked.returncode < 0 else f"exit {asked.returncode}"
        )
        return {"path": path, "error": f"loading libngspice ended its process with {death}{_end(asked.stderr)}"}
    try:
        answer: dict[str, Any] = json.loads(asked.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {"path": path, "error": f"libngspice ended its process early{_end(asked.stdout + asked.stderr)}"}
    return {"path": path} | answer


def _executable(patience: float) -> dict[str, str | None]:
    path = shutil.which("ngspice")
    if path is None:
        return {"path": None, "version": None}
    try:
        said = subprocess.run([path, "--version"], capture_output=True, timeout=patience, check=False).stdout  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return {"path": path, "version": None}
    version = re.search(rb"ngspice-([\w.+-]+)", said)
    return {"path": path, "version": version.group(1).decode() if version else None}


def _end(text: bytes) -> str:
    return f": {text.decode(errors='replace').strip()[-500:]}" if text.strip() else ""
