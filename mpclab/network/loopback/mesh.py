"""Sockets between the processes of one computer: frames in, frames out, both at the same time.

A `Mesh` is one process's ends of its connections, one per peer, on 127.0.0.1. A frame is a kind
(u8), a length (u64, little endian) and that many bytes. `exchange` writes and reads concurrently,
so that two servers which send large messages at once never wait for each other. Whoever connects
says a secret token and its name first; the token reaches the processes through their pipes alone.

This is the plain transport of a laboratory: it is neither encrypted nor meant for a network.
"""

from __future__ import annotations

import hmac
import selectors
import socket
import struct
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from mpclab.errors import MpclabError

__all__ = ["DATA", "HOST", "TOKEN_BYTES", "Frame", "Late", "Mesh", "accept", "connect", "listen"]

HOST = "127.0.0.1"
TOKEN_BYTES = 32
DATA, START, END = 0, 1, 2
_HEAD = struct.Struct("<BQ")
_LARGEST = 1 << 34  # no frame is larger, whatever its head says
_SMALL = 1 << 16  # up to this size head and body go out in one piece
_PIECE = 1 << 17  # so much memory a frame gets at first; more only as its bytes arrive
_AHEAD = 1_000  # so many frames of a peer may lie unread; the others wait in the system's buffers
_GREETING = 2.0  # seconds that whoever connects has to say who it is
_BACKLOG = 0.5  # seconds to read what is there already when the time is over


class Late(MpclabError):
    """Nothing came in time; `peers` are those whom one waited for."""

    def __init__(self, peers: Sequence[str]) -> None:
        super().__init__(f"nothing came in time from {', '.join(peers)}")
        self.peers = tuple(peers)


class Frame(NamedTuple):
    """A frame that arrived, and when (`time.perf_counter`)."""

    kind: int
    data: memoryview
    at: float


def listen(backlog: int) -> socket.socket:
    """A listening socket on a free port of this computer alone."""
    return socket.create_server((HOST, 0), backlog=backlog)


def connect(port: int, token: bytes, name: str, seconds: float) -> socket.socket:
    """Connect to a peer's port and say who one is."""
    link = socket.create_connection((HOST, port), timeout=seconds)
    link.sendall(token + bytes([len(name.encode())]) + name.encode())
    return link


def accept(
    listener: socket.socket, token: bytes, names: Iterable[str], deadline: float
) -> dict[str, socket.socket]:
    """Wait until all these peers have connected; whoever lacks the token is turned away."""
    wanted, links = set(names), dict[str, socket.socket]()
    while wanted:
        left = deadline - time.perf_counter()
        try:
            if left <= 0:
                raise TimeoutError
            listener.settimeout(left)
            link, _ = listener.accept()
        except TimeoutError:
            for link in links.values():
                link.close()
            raise Late(sorted(wanted)) from None
        until = min(deadline, time.perf_counter() + _GREETING)
        try:
            said = _exactly(link, TOKEN_BYTES, until)
            name = _exactly(link, _exactly(link, 1, until)[0], until).decode(errors="replace")
        except OSError:
            said, name = b"", ""
        if hmac.compare_digest(said, token) and name in wanted:
            wanted.remove(name)
            links[name] = link
        else:
            link.close()
    return links


def _exactly(link: socket.socket, n: int, until: float) -> bytes:
    data = b""
    while len(data) < n:
        link.settimeout(max(until - time.perf_counter(), 0.001))  # for all of it, not for a byte
        more = link.recv(n - len(data))
        if not more:
            raise ConnectionError("the connection ended within a greeting")
        data += more
    return data


class _Link:
    """One connection: what still has to go out, and what has come in."""

    def __init__(self, link: socket.socket) -> None:
        link.setblocking(False)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = link
        self.out: deque[memoryview] = deque()
        self.inbox: deque[Frame] = deque()
        self.gone = False
        self._head = bytearray(_HEAD.size)
        self._body: bytearray | None = None
        self._target = memoryview(self._head)
        self._filled = 0

    def put(self, kind: int, data: bytes) -> None:
        head = _HEAD.pack(kind, len(data))
        if len(data) <= _SMALL:
            self.out.append(memoryview(head + data))
        else:
            self.out += [memoryview(head), memoryview(data)]

    def write(self) -> None:
        """Send as much as the system takes now."""
        try:
            while self.out:
                piece = self.out[0]
                sent = self.socket.send(piece)
                if sent < len(piece):
                    self.out[0] = piece[sent:]
                    continue
                self.out.popleft()
        except BlockingIOError:
            pass
        except OSError:  # it has gone; what it sent before may still be read
            self.out.clear()

    def read(self) -> None:
        """Take in what is there, up to the end of a frame."""
        try:
            while True:
                n = self.socket.recv_into(self._target[self._filled :])
                if n == 0:
                    self._end()
                    return
                self._filled += n
                if self._filled == len(self._target) and self._complete():
                    return
        except BlockingIOError:
            pass
        except OSError:
            self._end()

    def _complete(self) -> bool:
        """A head, or what there was room for of a body, is there; whether that ends a frame."""
        kind, length = _HEAD.unpack(self._head)
        have = 0 if self._body is None else len(self._body)
        if have < length:
            if length > _LARGEST:
                raise OSError("a frame announces an impossible length")
            # What a head announces may never come: room doubles with what has arrived.
            self._target.release()
            if self._body is None:
                self._body = bytearray()
            self._body += bytes(min(length, max(2 * have, _PIECE)) - have)
            self._target, self._filled = memoryview(self._body)[have:], 0
            return False
        data = memoryview(self._body or b"").toreadonly()
        self.inbox.append(Frame(kind, data, time.perf_counter()))
        self._body, self._target, self._filled = None, memoryview(self._head), 0
        return True

    def _end(self) -> None:
        self.gone = True
        self.out.clear()


class Mesh:
    """One process's connections to its peers.

    Parameters
    ----------
    name : str
        Who this process is.
    sockets : mapping of str to socket
        A connected socket per peer.
    """

    def __init__(self, name: str, sockets: Mapping[str, socket.socket]) -> None:
        self.name = name
        self._links = {peer: _Link(link) for peer, link in sockets.items()}
        self._selector = selectors.DefaultSelector()
        self._events: dict[str, int] = {}
        for peer, link in self._links.items():
            self._selector.register(link.socket, selectors.EVENT_READ, peer)
            self._events[peer] = selectors.EVENT_READ

    def __repr__(self) -> str:
        return f"Mesh({self.name!r}, connected to {', '.join(self._links) or 'nobody'})"

    @property
    def peers(self) -> tuple[str, ...]:
        """Whom it is connected to."""
        return tuple(self._links)

    def close(self) -> None:
        """Close all connections."""
        self._selector.close()
        for link in self._links.values():
            link.socket.close()

    def exchange(
        self, sends: Iterable[tuple[str, bytes]], wants: Iterable[str], deadline: float,
        kind: int = DATA,
    ) -> dict[str, Frame | None]:
        """Send frames and wait for one of every peer in `wants`; None if it has stopped.

        It returns when everything has left, too. Raises `Late` after the deadline, a time of
        `time.perf_counter`.
        """
        for peer, data in sends:
            link = self._links[peer]
            if not link.gone:
                link.put(kind, data)
                link.write()
        wanted = list(wants)
        last = max(deadline, time.perf_counter() + _BACKLOG)
        while True:
            missing = [w for w in wanted if not self._links[w].inbox and not self._links[w].gone]
            blocked = [p for p, link in self._links.items() if link.out]
            if not missing and not blocked:
                break
            self._step(missing or blocked, deadline, last)
        return {w: self._first(w) for w in wanted}

    def _first(self, peer: str) -> Frame | None:
        inbox = self._links[peer].inbox
        # The end of its run stays in the queue: nothing more comes, however often one asks.
        return inbox.popleft() if inbox and inbox[0].kind != END else None

    def _step(self, waiting: Sequence[str], deadline: float, last: float) -> None:
        """Wait until something can be read or written, and do it.

        Raises `Late` if nothing can after `deadline`; and after `last` in any case, so that a peer
        who never stops talking cannot keep anybody waiting for another.
        """
        for peer, link in self._links.items():
            takes = not link.gone and len(link.inbox) < _AHEAD
            events = (selectors.EVENT_READ if takes else 0) | (
                selectors.EVENT_WRITE if link.out else 0
            )
            if events != self._events[peer]:
                if not events:
                    self._selector.unregister(link.socket)
                elif not self._events[peer]:
                    self._selector.register(link.socket, events, peer)
                else:
                    self._selector.modify(link.socket, events, peer)
                self._events[peer] = events
        ready = self._selector.select(max(deadline - time.perf_counter(), 0.0))
        if not ready or time.perf_counter() > last:
            raise Late(waiting)
        for key, events in ready:
            link = self._links[key.data]
            if events & selectors.EVENT_READ:
                link.read()
            if events & selectors.EVENT_WRITE:
                link.write()

    def barrier(self, deadline: float) -> bool:
        """Wait until all peers are here; False if one of them has gone."""
        arrived = self.exchange([(p, b"") for p in self._links], self._links, deadline, START)
        return all(frame is not None for frame in arrived.values())

    def finish(self, deadline: float) -> None:
        """End a run: tell all peers, and wait for their ends; what was left unread is dropped."""
        last = max(deadline, time.perf_counter() + _BACKLOG)
        self.exchange([(p, b"") for p in self._links], (), deadline, END)
        for peer, link in self._links.items():
            while True:
                while link.inbox:
                    if link.inbox.popleft().kind == END:
                        break
                else:
                    if link.gone:
                        break
                    self._step([peer], deadline, last)
                    continue
                break
