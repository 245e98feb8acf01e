"""The parent's side: one operating-system process per server, commanded through pipes.

The processes are started afresh (`python -c ...`), neither forked nor by re-running the caller's
main script, so that this works in a notebook and on every system. They end when their standard
input does: with the parent, at the latest. What they write to standard error is kept, and becomes
part of the sentence if one ends on its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, BinaryIO, cast

from mpclab.errors import Deadlock, InputError, MpclabError
from mpclab.network.endpoint import Endpoint, server_name
from mpclab.network.loopback import parcels
from mpclab.network.loopback.drive import Leg, drive
from mpclab.network.loopback.mesh import TOKEN_BYTES, Late, Mesh, connect
from mpclab.network.simulated import Outcomes
from mpclab.sharing import check_servers

__all__ = ["ProcessError", "Processes"]

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from mpclab.network.loopback.child import main; main()"
)
_ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS",
    ),
    "1",
)
_GRACE = 2.0  # seconds that a process gets to say that it timed out, or that another has failed


class ProcessError(MpclabError):
    """A server's process ended on its own, or does not answer."""


class Processes:
    """Servers as processes of this computer, connected to each other and ready for jobs.

    Parameters
    ----------
    servers : int
        How many, at least 2.
    client : str or None
        The name of a client that takes part from within this process.
    patience : float
        Seconds that starting and every command other than a run may take.

    Examples
    --------
    >>> with Processes(2) as processes:  # doctest: +SKIP
    ...     run = run_in_processes(lab, protocol, x, processes=processes)
    """

    def __init__(
        self, servers: int = 2, *, client: str | None = None, patience: float = 60.0
    ) -> None:
        self.servers = check_servers(servers)
        self.client = client
        self.patience = patience
        self._mesh: Mesh | None = None
        self._answers: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._words: list[list[bytes]] = [[] for _ in range(servers)]
        self._popens: list[subprocess.Popen[bytes]] = []
        self._threads: list[threading.Thread] = []
        self._end = weakref.finalize(self, _stop, self._popens, self._threads)
        try:
            for index in range(servers):
                self._start(index)
            self._connect()
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        state = "running" if self.alive else "closed"
        numbers = ", ".join(str(p.pid) for p in self._popens)
        return f"Processes({self.servers} servers, {state}; process ids {numbers})"

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether they take jobs."""
        return self._end.alive

    @property
    def ids(self) -> tuple[int, ...]:
        """The operating system's numbers of the processes."""
        return tuple(p.pid for p in self._popens)

    def printed(self, index: int) -> str:
        """What a server's process has written so far: whatever its protocol prints."""
        return b"".join(self._words[index]).decode(errors="replace")

    def close(self) -> None:
        """End the processes and wait until they have ended."""
        if self._mesh is not None:
            self._mesh.close()
        self._end()

    # -- starting -----------------------------------------------------------------------------

    def _start(self, index: int) -> None:
        path = json.dumps([os.path.abspath(p) for p in sys.path if isinstance(p, str)])
        popen = subprocess.Popen(
            [sys.executable, "-c", _START, path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            bufsize=0, env={**os.environ, **_ONE_THREAD},
        )
        self._popens.append(popen)
        for target, args in (
            (_collect_answers, (popen.stdout, index, self._answers)),
            (_collect_words, (popen.stderr, self._words[index])),
        ):
            thread = threading.Thread(target=target, args=args, daemon=True)
            thread.start()
            self._threads.append(thread)

    def _connect(self) -> None:
        token = secrets.token_bytes(TOKEN_BYTES)
        clients = [self.client] if self.client else []
        backlog = self.servers + len(clients)
        ports = self.call("hello", [(i, token, backlog) for i in range(self.servers)])
        names = [server_name(i) for i in range(self.servers)]
        links = {}
        if self.client:
            links = {
                name: connect(port, token, self.client, self.patience)
                for name, port in zip(names, ports, strict=True)
            }
            self._mesh = Mesh(self.client, links)
        everybody = [
            (dict(zip(names[:i], ports[:i], strict=True)), [*names[i + 1 :], *clients],
             self.patience)
            for i in range(self.servers)
        ]
        self.call("join", everybody)

    # -- commands -----------------------------------------------------------------------------

    def call(
        self, method: str, arguments: Sequence[tuple[Any, ...]], seconds: float | None = None
    ) -> list[Any]:
        """Let every server's process do something, and wait for all answers."""
        self._send(method, arguments)
        return self._receive(seconds or self.patience)

    def _send(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> None:
        if not self.alive:
            raise InputError("these processes have been closed: start others with Processes(...)")
        for i, args in enumerate(arguments):
            try:
                pipe = cast(BinaryIO, self._popens[i].stdin)
                parcels.write(pipe, parcels.pack((method, args)))
            except OSError:
                raise self._died(i) from None
            except BaseException:  # half a parcel has been written
                self.close()
                raise

    def _receive(self, seconds: float) -> list[Any]:
        answers: dict[int, tuple[bool, Any]] = {}
        deadline = time.perf_counter() + seconds
        try:
            while len(answers) < self.servers:
                try:
                    index, parcel = self._answers.get(
                        timeout=max(deadline - time.perf_counter(), 0.001)
                    )
                except queue.Empty:
                    raise self._silent(answers) from None
                if parcel is None:
                    raise self._died(index)
                if isinstance(parcel, MpclabError):
                    raise parcel
                _, answer = answers[index] = parcels.unpack(parcel)
                if isinstance(answer, Leg) and answer.error:  # nobody has much to do any more
                    deadline = min(deadline, time.perf_counter() + _GRACE)
        except BaseException:
            self.close()
            raise
        for _, (succeeded, answer) in sorted(answers.items()):
            if not succeeded:
                raise cast(Exception, answer)
        return [answers[i][1] for i in range(self.servers)]

    def _silent(self, answers: Mapping[int, tuple[bool, Any]]) -> MpclabError:
        """What to say when processes do not answer: the others may have said why."""
        names = [server_name(i) for i in range(self.servers) if i not in answers]
        sentence = f"no answer came in time from {', '.join(names)}, so the processes were ended"
        try:
            _raise_failure([leg for _, leg in answers.values() if isinstance(leg, Leg)])
        except MpclabError as error:
            error.add_note(sentence)
            return error
        return ProcessError(sentence)

    def _died(self, index: int) -> ProcessError:
        """What to say of a process that ended on its own; the others are ended too."""
        popen = self._popens[index]
        with contextlib.suppress(subprocess.TimeoutExpired):
            popen.wait(1.0)
        code = popen.poll()
        self.close()
        how = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
        lines = self.printed(index).strip().splitlines()
        words = f"; its last words were: {lines[-1]}" if lines else ""
        return ProcessError(
            f"the process of {server_name(index)} ended {how} before it was told to{words}"
        )

    # -- runs ---------------------------------------------------------------------------------

    def job(self, jobs: Sequence[Mapping[str, Any]]) -> None:
        """Give every server's process what it holds, and let it make ready."""
        self.call("job", [(dict(job),) for job in jobs])

    def run(
        self,
        number: int,
        timeout: float,
        client: tuple[Endpoint, Coroutine[Any, Any, Any]] | None = None,
        keep: bool = True,
    ) -> dict[str, Leg]:
        """Run the job's protocol once: every party's leg, by name.

        Raises what stopped it: a refusal first, and causes before consequences.
        """
        self._send("run", [(number, timeout, keep)] * self.servers)
        legs: dict[str, Leg] = {}
        try:
            if self._mesh is not None and client is not None:
                legs[client[0].name] = drive(self._mesh, *client, timeout)
            elif self._mesh is not None:  # a client who is there and says nothing
                deadline = time.perf_counter() + timeout
                with contextlib.suppress(Late):
                    self._mesh.barrier(deadline)
                    self._mesh.finish(deadline)
        except BaseException:
            self.close()
            raise
        for leg in self._receive(timeout + _GRACE):
            legs[leg.party] = leg
        if any(isinstance(leg.error, Deadlock) for leg in legs.values()):
            self.close()  # who knows what is still on its way
        _raise_failure(list(legs.values()))
        return legs


def _raise_failure(legs: Sequence[Leg]) -> None:
    """Raise what stopped the servers, as a simulation does, or else what stopped a client."""
    Outcomes({leg.party: leg.error for leg in legs}).raise_failure()
    for leg in legs:
        if leg.error is not None:
            raise leg.error


def _collect_answers(pipe: BinaryIO, index: int, answers: queue.SimpleQueue[Any]) -> None:
    try:
        while True:
            answers.put((index, parcels.read(pipe)))
    except MpclabError as error:  # what came is no parcel
        answers.put((index, error))
    except (EOFError, OSError, ValueError):
        answers.put((index, None))


def _collect_words(pipe: BinaryIO, words: list[bytes]) -> None:
    with contextlib.suppress(OSError, ValueError):
        while piece := pipe.read(1 << 16):
            words.append(piece)


def _stop(popens: list[subprocess.Popen[bytes]], threads: list[threading.Thread]) -> None:
    """End processes: their standard input ends, and whoever stays is killed."""
    for popen in popens:
        with contextlib.suppress(OSError):
            cast(BinaryIO, popen.stdin).close()
    deadline = time.perf_counter() + 1.0
    for popen in popens:
        try:
            popen.wait(max(deadline - time.perf_counter(), 0.01))
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()
    for thread in threads:
        thread.join(1.0)
    for popen in popens:
        for pipe in (popen.stdout, popen.stderr):
            cast(BinaryIO, pipe).close()
