"""Where libngspice is and what it can do. Standard library alone: the Makefile runs this file before any install.

As a script:
    library.py                      prints the library's path; exit 3 where there is none
    library.py --install-command    prints what installs ngspice with the system's package manager; exit 3 if unknown
    library.py --interrogate PATH   loads that library into this process and prints what it can do, as JSON
"""

import ctypes
import ctypes.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

SONAMES = ("libngspice.so.0", "libngspice.so", "libngspice.0.dylib", "libngspice.dylib")

# by the package manager's executable; `ngspice` brings spinit and the XSPICE code models where the library comes alone
INSTALL = {
    "apt-get": "apt-get install -y --no-install-recommends ngspice libngspice0",
    "dnf": "dnf install -y libngspice ngspice",
    "pacman": "pacman -S --noconfirm ngspice",
    "brew": "brew install libngspice ngspice",
}
CONDA = "conda install -y -c conda-forge libngspice ngspice"

DIVIDER = ("divider", "v1 in 0 1", "r1 in out 1k", "r2 out 0 3k", ".end")  # v(out) is 0.75 V


class NgspiceNotFound(RuntimeError):  # noqa: N818 - it reads as what the user is told
    """There is no libngspice; the message ends with what to do."""


def find_library() -> Path:
    """The libngspice to load: NGSPICE_LIBRARY_PATH, or the first in the loader's path, environment, usual places."""
    named = os.environ.get("NGSPICE_LIBRARY_PATH")
    if named:
        if Path(named).is_file():
            return Path(named).absolute()
        what = "a folder" if Path(named).is_dir() else "not there"
        raise NgspiceNotFound(
            f"NGSPICE_LIBRARY_PATH is {named!r}, which is {what}; "
            f"give the path of the library file itself (…/{SONAMES[0]}), or unset it to have it looked for"
        )
    for candidate in _candidates():
        if candidate.is_file():
            return candidate.absolute()
    command = install_command() or "the install command of this system's package manager for ngspice and libngspice"
    raise NgspiceNotFound(
        "libngspice is in none of the usual places; set NGSPICE_LIBRARY_PATH to the file if it is elsewhere, "
        f"otherwise type: {command}"
    )


def install_command(*, system: bool = False) -> str | None:
    """The one command to type that installs ngspice here; None where the package manager is unknown.

    system : only the system's package manager, even in an active conda environment
    """
    if not system and os.environ.get("CONDA_PREFIX") and shutil.which("conda"):
        return CONDA
    for manager in ("brew",) if sys.platform == "darwin" else INSTALL:
        if shutil.which(manager):
            needs_root = manager != "brew" and os.geteuid() != 0
            return ("sudo " if needs_root else "") + INSTALL[manager]
    return None


def _candidates() -> Iterator[Path]:
    for folder in _folders():
        for soname in SONAMES:
            yield folder / soname
    # last, because it starts processes; Linux gives a bare name, macOS a path
    known = ctypes.util.find_library("ngspice")
    if known and Path(known).is_absolute():
        yield Path(known)
    elif known:
        yield from _loader_cache(known)


def _folders() -> Iterator[Path]:
    for variable in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"):
        yield from (Path(folder) for folder in os.environ.get(variable, "").split(os.pathsep) if folder)
    # the base prefix is that of the conda which a venv was made from
    for prefix in (sys.prefix, os.environ.get("CONDA_PREFIX"), sys.base_prefix):
        if prefix:
            yield Path(prefix, "lib")
    multiarch = sysconfig.get_config_var("MULTIARCH") or f"{platform.machine()}-linux-gnu"
    for prefix in ("/usr/local", "/usr"):  # what was built here before what the system brought, as the loader does
        yield from (Path(prefix, "lib", multiarch), Path(prefix, "lib64"), Path(prefix, "lib"))
    for prefix in ("/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew"):
        yield from (Path(prefix, "lib"), Path(prefix, "opt/libngspice/lib"))
    yield Path("/opt/local/lib")  # MacPorts


def _loader_cache(soname: str) -> Iterator[Path]:
    ldconfig = shutil.which("ldconfig", path=os.pathsep.join(("/sbin", "/usr/sbin", os.environ.get("PATH", ""))))
    if ldconfig:
        cache = subprocess.run([ldconfig, "-p"], capture_output=True, text=True, check=False)  # noqa: S603 - no input
        for path in re.findall(rf"^\s*{re.escape(soname)} .*=> (.*)$", cache.stdout, re.MULTILINE):
            yield Path(path)


def interrogate(library: str) -> dict[str, object]:
    """What the libngspice at this path can do. Loads it into this process and may end it: call it in one that may die.

    Either `error`, or `version`, `xspice`, `klu`, `osdi`, `code_models` (whether they are loaded, not only shipped),
    `spinit` (its path) and `divider` (v(out) of DIVIDER, V; None with the end of the `log` where there is no result).
    """
    try:
        ngspice = ctypes.CDLL(library)
        initialise, command, circuit = ngspice.ngSpice_Init, ngspice.ngSpice_Command, ngspice.ngSpice_Circ
    except (OSError, AttributeError) as error:
        return {"error": f"{library} cannot be loaded as libngspice: {error}"}
    lines: list[str] = []

    def keep(line: bytes, *_: object) -> int:
        lines.append(line.decode(errors="replace").partition(" ")[2])  # in front: the stream's name
        return 0

    def ask(text: str) -> str:
        lines.clear()
        command(text.encode())
        return "\n".join(lines)

    # named, because ngspice keeps them and Python would not
    on_line = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p)(keep)
    on_exit = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_bool, ctypes.c_bool, ctypes.c_int, ctypes.c_void_p)(
        lambda *_: 0
    )
    initialise(on_line, None, on_exit, None, None, None, None)
    start = "\n".join(lines)
    about = ask("version -f")
    version = re.search(r"ngspice-([\w.+-]+)", about)
    spinits = (Path(folder, "spinit") for folder in ask("echo $sourcepath").split())
    report: dict[str, object] = {
        "version": version.group(1) if version else None,
        "xspice": "XSPICE" in about,
        "klu": "KLU" in start + about,
        "osdi": "no such command" not in ask("osdi"),  # `version -f` never names it; without OSDI there is no command
        "code_models": "filesource -" in ask("devhelp filesource"),
        "spinit": next((str(spinit) for spinit in spinits if spinit.is_file()), None),
    }
    deck = (*(line.encode() for line in DIVIDER), None)
    circuit((ctypes.c_char_p * len(deck))(*deck))
    log = ask("op")
    output = re.search(r"v\(out\) = (\S+)", ask("print v(out)"))
    if output is None:
        return report | {"divider": None, "log": f"{start}\n{log}"[-1000:]}
    return report | {"divider": float(output.group(1))}


def _main(arguments: list[str]) -> int:
    match arguments:
        case []:
            try:
                sys.stdout.write(f"{find_library()}\n")
            except NgspiceNotFound as problem:
                sys.stderr.write(f"{problem}\n")
                return 3
        case ["--install-command"]:
            command = install_command(system=True)
            if command is None:
                return 3
            sys.stdout.write(f"{command}\n")
        case ["--interrogate", library]:
            sys.stdout.write(f"\n{json.dumps(interrogate(library))}\n")  # on its own line, after what ngspice prints
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
