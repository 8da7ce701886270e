"""The port of the API: claimed once, shared out among its processes, and without delays."""

import errno
import os
import socket
import sys

import pytest

from service.processes.webserver import bind

CONNECTIONS = 64


@pytest.fixture
def listener():
    with bind(socket.AF_INET, "127.0.0.1", 0, 2) as made:
        yield made


def accepted(sockets):
    """Connect often, and give the connections that each socket takes."""
    address = sockets[0].getsockname()
    clients = [socket.create_connection(address) for _ in range(CONNECTIONS)]
    taken = []
    for each in sockets:
        each.setblocking(False)
        taken.append([])
        while len(taken[-1]) < CONNECTIONS:
            try:
                taken[-1].append(each.accept()[0])
            except BlockingIOError:
                break
    for client in clients:
        client.close()
    return taken


def test_an_answer_leaves_without_waiting_for_an_acknowledgement(listener):
    for connection in [each for taken in accepted(listener.sockets) for each in taken]:
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shares connections out")
def test_connections_are_shared_out_among_the_processes(listener):
    taken = accepted(listener.sockets)

    assert len(taken) == 2
    assert all(taken), "on one socket that all share, one process may take them all"
    assert sum(map(len, taken)) == CONNECTIONS
    for connection in [each for some in taken for each in some]:
        connection.close()


def test_a_port_on_which_another_listens_is_refused(listener):
    with pytest.raises(OSError, match=os.strerror(errno.EADDRINUSE)):
        bind(socket.AF_INET, "127.0.0.1", listener.address[1], 2)
