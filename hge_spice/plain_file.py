"""Whether a path leads to a plain file of a size to be read: a pipe keeps its reader waiting, a device never ends."""

import stat
from pathlib import Path

LARGEST = 256 * 2**20  # bytes of what is read at once: networks, tables


def plain_file_size(path: Path, largest: int | None = LARGEST) -> int:
    """Bytes of a file, through links. largest : bytes; None where it is read in pieces.

    Raises ValueError for a folder, pipe or device, and a file that is larger; OSError where there is none.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        raise ValueError(f"{path} is {what}; give a file")
    if largest is not None and found.st_size > largest:
        raise ValueError(f"{path} has {found.st_size} bytes; up to {largest} are read")
    return found.st_size
