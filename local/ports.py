"""Ports of the loopback interface: which are free, and whose one is."""

import socket
import subprocess

import psutil

from local.errors import LocalError


def free_port(preferred: int = 0) -> int:
    """A loopback port that is free now: the preferred one if it is."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise LocalError("no free port on 127.0.0.1")


def listens(process: subprocess.Popen[bytes], port: int) -> bool:
    """Whether it is this process that takes connections there, and nobody else who was quicker."""
    try:
        connections = psutil.Process(process.pid).net_connections("tcp")
    except psutil.Error:  # it has ended; before it is waited for, only root is told nothing else
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in connections)
