"""Python loads this by itself where this folder is on PYTHONPATH: every socket but a Unix one is refused.

An audit hook sees Python's own sockets and writes each attempt down; on Linux a kernel filter (seccomp) refuses those
of all other libraries too. Children inherit both.
"""

import ctypes
import os
import platform
import socket
import struct
import sys
from pathlib import Path

_NO_NEW_PRIVS, _SECCOMP, _FILTER = 38, 22, 2  # from linux/prctl.h and linux/seccomp.h
_SOCKET_CALL = {"x86_64": 41, "aarch64": 198}
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF: load a word, jump if equal, return
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 13  # EACCES


def _note_and_refuse(event, arguments):
    if event == "socket.__new__" and arguments[1] != socket.AF_UNIX:
        with Path(os.environ["REFUSED_SOCKETS"]).open("a") as file:
            file.write(f"{' '.join(sys.argv)}: family {arguments[1]}\n")
        raise PermissionError("the network is refused")


def _refuse_in_the_kernel():
    call = _SOCKET_CALL.get(platform.machine())
    if sys.platform != "linux" or call is None:
        return
    steps = [
        (_LOAD, 0, 0, 0),  # the number of the system call
        (_EQUAL, 0, 3, call),
        (_LOAD, 0, 0, 16),  # its first argument, the family
        (_EQUAL, 1, 0, int(socket.AF_UNIX)),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(program)))
    libc = ctypes.CDLL(None)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_SECCOMP, _FILTER, header, 0, 0)


if "REFUSED_SOCKETS" in os.environ:
    sys.addaudithook(_note_and_refuse)
    _refuse_in_the_kernel()
