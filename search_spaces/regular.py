"""Files that end: a pipe, a socket or a device in the place of a file would be waited for, or read, for ever."""

import errno
import stat
from pathlib import Path


def regular(path: Path) -> Path:
    """The path, if what is there is a file. Raises OSError that says what it is; FileNotFoundError for nothing."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a pipe, a socket or a device, not a file", str(path))
    return path
