"""What runs in a server's process: it obeys its parent's commands until its standard input ends.

Started by `Processes`; nothing is to be called here. Commands come as parcels on standard input,
answers go out on what was standard output; whatever the protocol prints goes to standard error.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import pickle
import queue
import signal
import statistics
import sys
import threading
import time
import traceback
from collections.abc import Coroutine
from typing import Any, BinaryIO

from mpclab.errors import InputError, MpclabError
from mpclab.network.endpoint import Endpoint, server_name
from mpclab.network.loopback import parcels
from mpclab.network.loopback.drive import Leg, drive
from mpclab.network.loopback.mesh import Mesh, accept, connect, listen
from mpclab.party import Party, Server
from mpclab.preprocessing.pool import Pool
from mpclab.randomness import Source

__all__ = ["main"]


class _Child:
    """One server's process."""

    def __init__(self) -> None:
        self.index = 0
        self.token = b""
        self.listener: Any = None
        self.mesh: Mesh
        self.parties: list[Party] = []
        self.arguments: list[tuple[Any, ...]] = []
        self.phase = "online"
        self.protocol: Any = None

    @property
    def name(self) -> str:
        return server_name(self.index)

    def hello(self, index: int, token: bytes, backlog: int) -> int:
        """Listen; returns the port."""
        self.index, self.token = index, token
        self.listener = listen(backlog)
        return int(self.listener.getsockname()[1])

    def join(self, ports: dict[str, int], expected: list[str], seconds: float) -> None:
        """Connect to some peers and wait for the others."""
        links = {p: connect(port, self.token, self.name, seconds) for p, port in ports.items()}
        links |= accept(self.listener, self.token, expected, time.perf_counter() + seconds)
        self.listener.close()
        self.mesh = Mesh(self.name, links)

    def job(self, job: dict[str, Any]) -> None:
        """Take in what this server holds, and make ready."""
        self.protocol = _find(*job["protocol"])
        if job["labelled"]:
            from mpclab.lab import _labelled

            self.protocol = _labelled(self.protocol)
        self.phase = job["phase"]
        holdings = parcels.unpack(job["holdings"])
        key = holdings["key"]
        pool = Pool(server_name(key.index))
        for serial, spec, material in sorted(holdings["bundles"], key=lambda bundle: bundle[0]):
            pool.put(serial, spec, material)
        server = Server(key, Source(holdings["seed"]), pool, job["settings"])
        self.parties = [_party(server, state) for state in holdings["sessions"]]
        self.arguments = parcels.unpack(job["arguments"], self.parties)
        server.field.warm_up()

    def run(self, number: int, timeout: float, keep: bool) -> Leg:
        """Run the job's protocol once."""
        party = self.parties[number]
        leg = drive(self.mesh, party.endpoint, self._protocol(party, number), timeout)
        if keep:
            leg.unchecked = party.take_unchecked()
        else:
            leg.result = None
        leg.error = None if leg.error is None else _portable(leg.error)
        return leg

    def _protocol(self, party: Party, number: int) -> Coroutine[Any, Any, Any]:
        party.endpoint.phase = self.phase
        running: Coroutine[Any, Any, Any] = self.protocol(party, *self.arguments[number])
        return running

    def bounce(self, peer: str, first: bool, size: int, times: int, seconds: float) -> float:
        """Send a frame to and fro; returns the median time of there and back."""
        data, took = bytes(size), []
        deadline = time.perf_counter() + seconds
        for _ in range(times):
            begun = time.perf_counter()
            if first:
                self.mesh.exchange([(peer, data)], [peer], deadline)
            else:
                self.mesh.exchange([], [peer], deadline)
                self.mesh.exchange([(peer, data)], [], deadline)
            took.append(time.perf_counter() - begun)
        return statistics.median(took or [0.0])

    def swap(self, peer: str, size: int, times: int, seconds: float) -> float:
        """Exchange frames with a peer, both ways at once; returns the median time of one."""
        data, took = bytes(size), []
        deadline = time.perf_counter() + seconds
        for _ in range(times):
            begun = time.perf_counter()
            self.mesh.exchange([(peer, data)], [peer], deadline)
            took.append(time.perf_counter() - begun)
        return statistics.median(took or [0.0])


def _party(server: Server, state: dict[str, Any]) -> Party:
    """A party in one session, as it was when it was moved here."""
    endpoint = Endpoint(server.name, server.field, server.key.servers, state["session"])
    endpoint.session_id = state["session_id"]
    endpoint.round, endpoint.history = state["round"], state["history"]
    party = Party(server, endpoint)
    party.unchecked = list(state["unchecked"])
    party._reserved = state["reserved"]
    return party


def _find(module: str, name: str, file: str | None) -> Any:
    """The protocol by its name, from its module or else from its file."""
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError:
        found = None
    if file and (found is None or not _same(getattr(found, "__file__", None), file)):
        spec = importlib.util.spec_from_file_location(module, file)
        if spec is None or spec.loader is None:
            raise InputError(f"the module {module!r} cannot be loaded from {file}")
        found = sys.modules[module] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found)
    if found is None:
        raise InputError(f"the module {module!r} of the protocol is not found in a new process")
    return getattr(found, name)


def _same(one: str | None, other: str) -> bool:
    return one is not None and os.path.realpath(one) == os.path.realpath(other)


def _portable(error: Exception) -> Exception:
    """An error that survives the way to the parent; its traceback goes along as a note."""
    if not isinstance(error, MpclabError):
        error.add_note("in the server's process:\n" + "".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        plain = MpclabError(f"{type(error).__name__}: {error}")
        for note in getattr(error, "__notes__", ()):
            plain.add_note(note)
        return plain
    return error


def _listen_to_parent(pipe: BinaryIO, commands: queue.SimpleQueue[Any]) -> None:
    """Read commands; when the parent has gone, so has this process."""
    try:
        while True:
            commands.put(parcels.read(pipe))
    except MpclabError as error:  # what came is no command: its parent tells these last words
        print(error, file=sys.stderr, flush=True)
        os._exit(1)
    except (EOFError, OSError):
        os._exit(0)


def main() -> None:
    """Obey commands until standard input ends."""
    for name in ("SIGINT", "SIGBREAK"):  # the parent decides when to stop
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    commands: queue.SimpleQueue[Any] = queue.SimpleQueue()
    pipe = os.fdopen(os.dup(0), "rb", buffering=0)
    threading.Thread(target=_listen_to_parent, args=(pipe, commands), daemon=True).start()
    child = _Child()
    while True:
        method, args = parcels.unpack(commands.get())
        try:
            answer = (True, getattr(child, method)(*args))
            parcel = parcels.pack(answer)
        except Exception as error:
            parcel = parcels.pack((False, _portable(error)))
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        parcels.write(answers, parcel)
