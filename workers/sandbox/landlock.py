"""The rules on files: what confined code may open by path.

Landlock, where the kernel has it (5.13): the current directory may be written to, in regular files
only; the interpreter, its libraries and what they ask of the machine may be read; nothing else can
be opened, whoever owns it. Files opened before stay open.
"""

import ctypes
import os
import stat
import struct
import sys
from pathlib import Path

from workers.sandbox import kernel

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE, _READ_DIRECTORY = 1 << 1, 1 << 2, 1 << 3
_REMOVE_FILE, _MAKE_REGULAR, _TRUNCATE, _CONTROL_DEVICE = 1 << 5, 1 << 8, 1 << 14, 1 << 15
_ON_FILES = _WRITE_FILE | _READ_FILE | _TRUNCATE | _CONTROL_DEVICE
_READ = _READ_FILE | _READ_DIRECTORY
_USE = _READ | _WRITE_FILE | _CONTROL_DEVICE
_WORK = _READ | _WRITE_FILE | _REMOVE_FILE | _MAKE_REGULAR | _TRUNCATE

# By version of the interface: how many rights on files there are. Later ones are rights on other
# things, and a right that is not named is not taken away.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_NEWEST_FILE_RIGHTS = 16
_TCP_BIND_AND_CONNECT = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11
_NETWORK_SINCE, _SCOPES_SINCE = 4, 6

_CODE = Path(__file__).resolve().parents[1]
_READABLE = (
    sys.prefix,
    sys.base_prefix,
    _CODE,
    _CODE.parent / "service",
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/dev/null",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
)
_OF_GPUS = ("/proc/driver/nvidia", "/sys/bus/pci", "/sys/devices", "/sys/module")


def restrict(*, gpu: bool = False) -> bool:
    """Confine the opening of files from now on; return False where the kernel cannot.

    With `gpu`, NVIDIA's devices can be used, and what the machine says of them read.
    """
    version = find_version()
    if version == 0:
        return False
    rules = _create_rules(version)
    handled = _file_rights(version)
    _allow(rules, Path(), _WORK & handled)
    for path in (*_READABLE, *(_OF_GPUS if gpu else ())):
        _allow(rules, Path(path), _READ & handled)
    for device in Path("/dev").glob("nvidia*") if gpu else ():
        _allow(rules, device, _USE & handled)
    kernel.refuse_new_privileges()
    kernel.syscall(_RESTRICT_SELF, rules, 0)
    os.close(rules)
    return True


def find_version() -> int:
    """Return which version of the interface the kernel has: 0 for none."""
    try:
        return kernel.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    except OSError:
        return 0


def _create_rules(version: int) -> int:
    words = [_file_rights(version)]
    if version >= _NETWORK_SINCE:
        words.append(_TCP_BIND_AND_CONNECT)
    if version >= _SCOPES_SINCE:
        words.append(_ABSTRACT_SOCKETS_AND_SIGNALS)
    content = struct.pack(f"={len(words)}Q", *words)
    return kernel.syscall(_CREATE_RULESET, ctypes.c_char_p(content), len(content), 0)


def _file_rights(version: int) -> int:
    return (1 << _FILE_RIGHTS.get(version, _NEWEST_FILE_RIGHTS)) - 1


def _allow(rules: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not on this machine, or not ours to read: nothing to allow
        return
    if not stat.S_ISDIR(os.fstat(place).st_mode):
        rights &= _ON_FILES
    content = ctypes.c_char_p(struct.pack("=Qi", rights, place))
    kernel.syscall(_ADD_RULE, rules, _PATH_BENEATH, content, 0)
    os.close(place)
