# SPDX-License-Identifier: Apache-2.0
"""The meaning of the events of Python's audit hooks for a function of rows."""

from __future__ import annotations

import enum


class Kind(enum.Enum):
    """Why a call is more than computing; the value says it."""

    CLOCK = "reads the clock"
    RANDOM = "draws random values"
    PROCESS = "reads or changes the state of the process or of the machine"
    FILES = "reads or changes files or directories"
    NETWORK = "uses the network"
    HIDDEN = "runs code that cannot be followed"


OF_SERVICES = frozenset([Kind.CLOCK, Kind.RANDOM, Kind.PROCESS, Kind.NETWORK])

# Whoever causes them.
_ALWAYS = {
    **dict.fromkeys(
        [
            "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.kill",
            "os.killpg", "os.startfile", "subprocess.Popen", "pty.spawn", "os.chdir", "builtins.input",
            "syslog.syslog", "resource.setrlimit", "resource.prlimit", "signal.pthread_kill",
        ],
        Kind.PROCESS,
    ),
    **dict.fromkeys(
        [
            "os.listdir", "os.scandir", "os.walk", "os.fwalk", "glob.glob", "pathlib.Path.glob",
            "pathlib.Path.rglob", "os.getxattr", "os.listxattr", "os.setxattr", "os.removexattr",
            "os.link", "os.symlink", "os.truncate", "os.utime", "os.chmod", "os.chown", "os.chflags",
            "os.mkdir", "os.rename", "os.remove", "os.rmdir",
        ],
        Kind.FILES,
    ),
    **dict.fromkeys(
        [
            "socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo",
            "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo", "socket.getservbyname",
            "socket.getservbyport", "urllib.Request", "http.client.connect", "ftplib.connect",
            "imaplib.open", "nntplib.connect", "poplib.connect", "smtplib.connect", "telnetlib.Telnet.open",
            "webbrowser.open",
        ],
        Kind.NETWORK,
    ),
    "socket.gethostname": Kind.PROCESS,
    "socket.sethostname": Kind.PROCESS,
    "sqlite3.connect": Kind.FILES,
}  # fmt: skip

# Only where the user's own code does: libraries call their native parts so.
_OF_USERS = {
    **dict.fromkeys(
        [
            "ctypes.dlopen", "ctypes.dlsym", "ctypes.call_function", "ctypes.string_at",
            "ctypes.wstring_at", "ctypes.PyObj_FromPtr",
        ],
        Kind.HIDDEN,
    ),
    "os.putenv": Kind.PROCESS,
    "os.unsetenv": Kind.PROCESS,
    "fcntl.fcntl": Kind.FILES,
    "fcntl.ioctl": Kind.FILES,
    "fcntl.flock": Kind.FILES,
    "fcntl.lockf": Kind.FILES,
}  # fmt: skip

CHANGES_OF_PATHS = frozenset(
    ["os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.utime", "os.truncate"]
)

WATCHED = frozenset([*_ALWAYS, *_OF_USERS, "open"])


def kind_of(event: str, by_user: bool) -> Kind | None:
    """None for what does not matter."""
    return _ALWAYS.get(event) or (_OF_USERS.get(event) if by_user else None)
