"""The lab: servers, clients, network, adversary and transcript in one object.

>>> from mpclab import Lab, multiply, reveal
>>> lab = Lab(servers=3, seed=7)
>>> x = lab.client("alice").upload([5, -6])
>>> y = lab.client("bob").upload([2, 3])
>>> (x * y).reveal()
array([ 10, -18])
>>> async def squares(party, x):
...     return await reveal(party, await multiply(party, x, x))
>>> lab.run(squares, x)
array([25, 36], dtype=uint64)

Material is made before it is needed, without being asked for: the lab predicts what a protocol
takes by a dry run on shapes (`predict`), lets the dealer make it in the phase *preprocess*, and
only then runs the protocol in the phase *online*. Costs are told apart in `lab.transcript`.
"""

from __future__ import annotations

import inspect
import warnings
import weakref
from collections.abc import Callable, Coroutine, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mpclab import cost
from mpclab.arguments import is_whole
from mpclab.client import Client
from mpclab.cost import Cost, DryPool, measured
from mpclab.errors import Abort, InputError, MpclabError, Refused, Rejected
from mpclab.field import Elements, Field
from mpclab.network.conditions import Conditions, conditions
from mpclab.network.endpoint import Endpoint, server_name
from mpclab.network.rounds import step
from mpclab.network.simulated import Adversary, Outcomes, SimulatedNetwork
from mpclab.network.transcript import Transcript
from mpclab.once import NotCopied
from mpclab.party import Party, Server, Settings
from mpclab.preprocessing.dealer import DEALER, Dealer, receive_material
from mpclab.preprocessing.material import Spec, ZeroTest
from mpclab.preprocessing.pool import Pool
from mpclab.protocols.checks import check_openings, commit_coin
from mpclab.protocols.clients import client_input, client_output, output_to, receive_input
from mpclab.protocols.comparison import METHODS
from mpclab.protocols.validity import Statement
from mpclab.randomness import Source
from mpclab.secret import SecretArray, encode
from mpclab.session import Session
from mpclab.sharing import Share, check_servers, deal_keys
from mpclab.views import God, coalition_view

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Lab", "LabClient", "Session"]

Protocol = Callable[..., Coroutine[Any, Any, Any]]
_SECRETS = "secrets"


class Lab(NotCopied):
    """A laboratory: n simulated servers, clients, a dealer, a network and its transcript.

    Parameters
    ----------
    servers : int
        How many servers, at least 2. Up to all but one may be corrupt.
    modulus : int
        The prime p of the field; 2^61 - 1 by default.
    network : str or Conditions
        What the virtual clock charges for messages: "lan", "wan", "ideal" or conditions of yours.
    preprocessing : str
        Where material comes from: "dealer" (trusted).
    comparison : str
        How secrets are compared: "tables", "bits", "fss" (two servers) or "exact".
    bits : int or None
        Secret integers lie in -2^(bits-1) .. 2^(bits-1) - 1; 40 by default, less in small fields.
    fraction : int
        Bits behind the point of fixed-point numbers; 16 by default.
    seed : int or None
        None: all randomness comes from the operating system. An integer makes everything
        reproducible, and public to whoever knows it: for teaching and tests only.
    adversary, corrupt
        Called once per round with a `Flight`, returns what the corrupt parties send; see
        `SimulatedNetwork`.
    contents : bool
        Whether to keep the messages' bytes, for `view` and `god`.

    Raises
    ------
    InputError
        If there are fewer than 2 servers, the modulus is not an odd prime up to 61 bits, or
        another parameter makes no sense.

    Examples
    --------
    >>> with Lab(servers=2, network="wan") as lab:
    ...     print(lab)
    Lab(2 servers, Field(2**61 - 1), network 'wan', dealer, comparison 'tables'; ready)
    >>> Lab(servers=1)
    Traceback (most recent call last):
        ...
    mpclab.errors.InputError: servers is 1: it takes at least 2 servers (one alone would see ...
    """

    def __init__(
        self,
        servers: int = 2,
        *,
        modulus: int = 2**61 - 1,
        network: str | Conditions = "lan",
        preprocessing: str = "dealer",
        comparison: str = "tables",
        bits: int | None = None,
        fraction: int | None = None,
        seed: int | None = None,
        adversary: Adversary | None = None,
        corrupt: Iterable[str] = (),
        contents: bool = True,
    ) -> None:
        self.field = Field(modulus)
        self.n = check_servers(servers)
        self.seed = _checked_seed(seed)
        corrupt = _checked_corrupt(corrupt, self.n)
        if adversary is not None and not corrupt:
            raise InputError(
                "an adversary corrupts somebody: say whom, corrupt=['server 1'] for instance"
            )
        self.settings = self._checked_settings(preprocessing, comparison, bits, fraction)
        self._source = Source.for_lab(self.seed, "lab")
        self._nonce = self._source.bytes(16)
        keys = deal_keys(self.field, self.n, self._source.stream())
        self.servers = [
            Server(key, Source.for_lab(seed, server_name(key.index)),
                   Pool(server_name(key.index)), self.settings)
            for key in keys
        ]
        self.dealer = Dealer(keys, Source.for_lab(seed, DEALER))
        self.network = SimulatedNetwork(conditions(network), adversary, corrupt, contents)
        self.clients: dict[str, LabClient] = {}
        self._state = "ready"
        self._sessions = 0
        self._secrets = 0
        self._predictions: dict[Any, Cost] = {}
        self._main = self.session("lab")

    def _checked_settings(
        self, preprocessing: str, comparison: str, bits: int | None, fraction: int | None
    ) -> Settings:
        if preprocessing != "dealer":
            raise InputError(
                f"there is no preprocessing {preprocessing!r}: the source there is, is 'dealer'"
            )
        if comparison not in METHODS:
            raise InputError(
                f"there is no comparison {comparison!r}: take one of "
                f"{', '.join(map(repr, METHODS))}"
            )
        if comparison == "fss" and self.n != 2:
            raise InputError(
                f"comparison 'fss' works between 2 servers, not {self.n}: take 'tables' or 'bits'"
            )
        most = max(self.field.bits - 2, 1)
        bits = min(40, most) if bits is None else bits
        fraction = min(16, max(bits - 2, 0) // 2) if fraction is None else fraction
        if not 1 <= bits <= most:
            raise InputError(
                f"bits is {bits}: in {self.field} secret integers may have 1 to {most} bits"
            )
        if not 0 <= fraction < bits:
            raise InputError(
                f"fraction is {fraction}: it must leave room before the point, 0 to {bits - 1}"
            )
        return Settings(bits, fraction, comparison)

    def __repr__(self) -> str:
        seeded = f", seeded with {self.seed}: for teaching" if self.seed is not None else ""
        return (
            f"Lab({self.n} servers, {self.field}, network {self.network.conditions.name!r}, "
            f"dealer, comparison {self.settings.comparison!r}{seeded}; {self.state})"
        )

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Forget all secrets; the transcript stays."""
        if self._state == "ready":
            self._end("closed")

    def _end(self, state: str) -> None:
        self._state = state
        for server in self.servers:
            server.storage.pop(_SECRETS, None)
            for kept in server.storage.values():  # an application's
                kept.clear()

    @property
    def state(self) -> str:
        """"ready", or why nothing more comes out of this lab."""
        return self._state

    @property
    def transcript(self) -> Transcript:
        """Every message so far, without contents."""
        return self.network.transcript

    @property
    def god(self) -> God:
        """The omniscient view: all shares, keys and plaintexts. Nobody real has it."""
        return God(self)

    def view(self, servers: Sequence[int] = (), clients: Sequence[str] = ()) -> pd.DataFrame:
        """Exactly what this coalition of servers and clients held and received, nothing else."""
        return coalition_view(self, servers, clients)

    # -- clients and secrets ----------------------------------------------------------------------

    def client(self, name: str) -> LabClient:
        """The client of this name, who can upload secrets and be told results."""
        if name not in self.clients:
            self._main.endpoint(name)  # checks the name
            self.clients[name] = LabClient(self, name)
        return self.clients[name]

    def secret(self, values: npt.ArrayLike) -> SecretArray:
        """Upload values as the client "you"; see `LabClient.upload`."""
        return self.client("you").upload(values)

    def keep(self, shares: Sequence[Share], fraction: int = 0) -> SecretArray:
        """A handle on a secret whose shares (one per server, in order) go into the servers."""
        self._secrets += 1
        number = self._secrets
        for server, share in zip(self.servers, shares, strict=True):
            server.storage.setdefault(_SECRETS, {})[number] = share
        handle = SecretArray(self, number, shares[0].shape, fraction)
        weakref.finalize(handle, _forget, self.servers, number)
        return handle

    def held(self, secret: SecretArray, index: int) -> Share:
        """What server `index` holds of a secret: its own share."""
        if secret.lab is not self:
            raise InputError("this secret belongs to another lab: its servers are not these")
        self._require_ready()
        share: Share = self.servers[index].storage[_SECRETS][secret.number]
        data = share.data.view()
        data.flags.writeable = False  # a protocol computes with it, and leaves it as it is
        return Share(data, share.key)

    def _require_ready(self) -> None:
        if self._state != "ready":
            raise Abort(f"this lab is {self._state}: nothing more comes out of it; make a new Lab")

    # -- running ----------------------------------------------------------------------------------

    def run(
        self, protocol: Protocol, *args: Any, phase: str = "online", fraction: int = 0
    ) -> Any:
        """Run `async def protocol(party, *args)` at all servers, material included.

        A `SecretArray` among the arguments becomes, at each server, that server's `Share`; all
        other arguments are public. What it takes is predicted by a dry run and preprocessed first.
        A protocol works on the field's integers: results are integers times 2^-fraction.

        Returns
        -------
        The result that all servers agree on: shares become a `SecretArray`, public values stay as
        they are, tuples and lists of both are treated entry by entry. Public values leave only
        after a MAC check; if the protocol has not made it, it is made.

        Raises
        ------
        Abort
            If a server deviated. The lab then gives nothing more.
        """
        self._require_ready()
        self.preprocess_for(self.predict(protocol, *args))
        outcomes = self._run_main(phase, _labelled(protocol), args)
        return self._result([outcomes[s.name] for s in self.servers], fraction)

    def predict(self, protocol: Protocol, *args: Any) -> Cost:
        """What running a protocol takes, by a dry run on shapes alone: no secret plays any part.

        The protocol runs once at servers whose shares and material are all zero.
        """
        pending = bool(self._main.parties[0].unchecked)
        try:
            shapes = tuple(a.signature if isinstance(a, SecretArray) else a for a in args)
            # What a protocol of one's own reads from outside may change: predicted every time.
            home = getattr(protocol, "__module__", None) or ""
            known_protocol = home.startswith("mpclab.")
            key = (protocol, pending, shapes) if known_protocol else None
            known = self._predictions.get(key)
        except TypeError:  # an argument that cannot be hashed: predicted every time
            key, known = None, None
        if known is None:
            known = self._dry_run(_labelled(protocol), args, pending)
            if key is not None:
                self._predictions[key] = known
        return known

    def _dry_run(self, protocol: Protocol, args: Sequence[Any], pending: bool) -> Cost:
        pools = [DryPool(server.key) for server in self.servers]
        session = Session(
            SimulatedNetwork(conditions("ideal")),
            "dry run",
            [
                Server(s.key, Source.for_lab(0, s.name), pool, self.settings)  # type: ignore[arg-type]
                for s, pool in zip(self.servers, pools, strict=True)
            ],
        )
        for party in session.parties if pending else ():  # openings that wait for a check
            party.unchecked.append((self.field.zeros(), self.field.zeros()))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            outcomes = session.run(
                "online",
                lambda party: protocol(party, *_resolved(args, lambda s: _blank(s, party))),
            )
            if not any(isinstance(outcomes[s.name], Exception) for s in self.servers):
                forgotten = [w for w in caught if "was never awaited" in str(w.message)]
                if forgotten:
                    raise InputError(f"an `await` is missing: {forgotten[0].message}")
        outcomes.raise_failure()
        if any(pool.taken != pools[0].taken for pool in pools):
            raise Abort("the servers take different turns: they take different material")
        return measured(session.network.transcript, pools[0].taken)

    def preprocess_for(self, cost: Cost) -> None:
        """Make whatever material of a predicted cost is not in stock."""
        stock = self.servers[0].pool
        lacking = [
            spec
            for spec, wanted in cost.material.items()
            for _ in range(wanted - stock.count(spec))
        ]
        if lacking:
            self.preprocess(lacking)

    def preprocess(self, specs: Sequence[Spec], checks: int = 0) -> list[int]:
        """Let the dealer make a bundle per spec, and `ZeroTest`s for `checks` MAC checks.

        Returns the bundles' serial numbers (of `specs` only; the first one's of what comes in
        parts). No input plays any part in it.
        """
        self._require_ready()
        first, serials = self.dealer.next_serial, []
        try:
            together: list[Spec] = []
            for spec in [*specs, *[ZeroTest()] * checks]:
                if (parts := getattr(spec, "parts", None)) is None:
                    together.append(spec)
                    continue
                serials += self._deal(together)
                together = []
                serials += [self._deal([part])[0] for part in parts][:1]  # each before the next
            serials += self._deal(together)
        except BaseException:  # what only some servers have received, none keeps
            for server in self.servers:
                server.pool.drop_from(first)
            raise
        return serials[: len(specs)]

    def _deal(self, specs: Sequence[Spec]) -> list[int]:
        if not specs:
            return []
        session = self.session("preprocess")
        outcomes = session.run(
            "preprocess",
            lambda party: receive_material(party, specs),
            others=[(session.dealer(), self.dealer.deal(specs))],
        )
        outcomes.raise_failure()
        serials: list[int] = outcomes[server_name(0)]
        return serials

    def each(self, protocol: Protocol, *per_server: Sequence[Any]) -> list[Any]:
        """Run a protocol in a session of its own; each argument holds one entry per server.

        The plain way underneath `run`: no material is made, no result is combined. What was opened
        before is checked first; what the protocol leaves unchecked waits for the lab's next check.
        Returns the servers' results in their order.
        """
        self._require_ready()
        if self._main.parties[0].unchecked:
            self.run(_check_pending)
        session = self.session()
        outcomes = session.run(
            "online", lambda party: protocol(party, *(arg[party.index] for arg in per_server))
        )
        outcomes.raise_failure()
        for party, main in zip(session.parties, self._main.parties, strict=True):
            main.unchecked += party.take_unchecked()
        return [outcomes[s.name] for s in self.servers]

    def session(self, name: str = "run") -> Session:
        """A fresh session: a party per server, and a hash chain of its own."""
        self._require_ready()
        self._sessions += 1
        return Session(self.network, f"{name} {self._sessions}", self.servers, self._nonce)

    def source(self, owner: str) -> Source:
        """Randomness for a client of this lab."""
        return Source.for_lab(self.seed, f"client: {owner}")

    def local(self, operation: Callable[..., Share], *args: Any, fraction: int = 0) -> SecretArray:
        """Apply an operation to every server's own shares, without any message."""
        self._require_ready()
        return self.keep(
            [
                operation(*(self.held(a, s.key.index) if isinstance(a, SecretArray) else a
                            for a in args))
                for s in self.servers
            ],
            fraction,
        )

    def _run_main(
        self,
        phase: str,
        protocol: Protocol,
        args: Sequence[Any],
        others: Iterable[tuple[Endpoint, Coroutine[Any, Any, Any]]] = (),
    ) -> Outcomes:
        """Run in the lab's main session, where openings wait for the next check."""
        _resolved(args, lambda s: self.held(s, 0))  # a sentence now, if it belongs elsewhere

        def program(party: Party) -> Coroutine[Any, Any, Any]:
            return protocol(party, *_resolved(args, lambda s: self.held(s, party.index)))

        try:
            outcomes = self._main.run(phase, program, others)
        except BaseException as error:
            self._end(f"ended by {type(error).__name__}")
            raise
        try:
            outcomes.raise_failure()
        except Refused:
            raise
        except MpclabError as error:
            self._end("aborted" if isinstance(error, Abort) else f"ended by {type(error).__name__}")
            raise
        return outcomes

    def _result(self, results: Sequence[Any], fraction: int = 0) -> Any:
        """What all servers agree on: shares become a secret, public values must be equal."""
        first = results[0]
        if any(type(r) is not type(first) for r in results):
            raise InputError(
                f"the servers returned {', '.join(type(r).__name__ for r in results)}: all must "
                "return the same kind of result"
            )
        if isinstance(first, Share):
            return self.keep(results, fraction)
        if isinstance(first, (tuple, list, dict)):
            if any(len(r) != len(first) for r in results):
                raise InputError("the servers returned results of different lengths")
            if isinstance(first, dict):
                if any(r.keys() != first.keys() for r in results):
                    raise InputError("the servers returned results under different names")
                return {k: self._result([r[k] for r in results], fraction) for k in first}
            entries = [self._result(each, fraction) for each in zip(*results, strict=True)]
            return type(first)(*entries) if hasattr(first, "_fields") else type(first)(entries)
        if not all(np.array_equal(np.asarray(r), np.asarray(first)) for r in results):
            raise InputError(
                "the servers returned different public values: a protocol returns what all agree on"
            )
        if isinstance(first, np.ndarray) and not first.flags.writeable:
            return first.copy()
        return first


def _resolved(argument: Any, share_of: Callable[[SecretArray], Share]) -> Any:
    """Arguments for one server: every secret, in lists and tuples too, becomes its share."""
    if isinstance(argument, SecretArray):
        return share_of(argument)
    if type(argument) in (list, tuple):
        return type(argument)(_resolved(each, share_of) for each in argument)
    return argument


def _checked_seed(seed: Any) -> int | None:
    if seed is None:
        return None
    if is_whole(seed):
        return int(seed)
    raise InputError(f"the seed is {seed!r}: it must be an integer, or None for real randomness")


def _checked_corrupt(corrupt: Any, n: int) -> list[str]:
    names = [corrupt] if isinstance(corrupt, str) else list(corrupt)
    servers = {server_name(i) for i in range(n)}
    for name in names:
        looks_like_one = isinstance(name, str) and name.lower().startswith("server")
        if not isinstance(name, str) or (looks_like_one and name not in servers):
            raise InputError(
                f"corrupt names {name!r}, which is no party: servers are called 'server 0' to "
                f"'server {n - 1}', in a list; clients by their names"
            )
    if servers <= set(names):
        raise InputError(
            f"corrupt names all {n} servers: at least one must be honest, or nothing is promised"
        )
    return names


def _forget(servers: Sequence[Server], number: int) -> None:
    for server in servers:
        server.storage.get(_SECRETS, {}).pop(number, None)


async def _check_pending(party: Party) -> None:
    await check_openings(party, await commit_coin(party))


def _blank(secret: SecretArray, party: Party) -> Share:
    zeros = np.zeros((2, *secret.shape), np.uint64)
    zeros.flags.writeable = False
    return Share(zeros, party.key)


def _public(result: Any) -> bool:
    """Whether a result holds anything that is not a share."""
    if isinstance(result, (tuple, list)):
        return any(_public(each) for each in result)
    if isinstance(result, dict):
        return any(_public(each) for each in result.values())
    return result is not None and not isinstance(result, Share)


def _coroutines(result: Any) -> list[Any]:
    """The unfinished protocols in a result."""
    if isinstance(result, (tuple, list)):
        return [found for each in result for found in _coroutines(each)]
    return [result] if inspect.iscoroutine(result) else []


def _labelled(protocol: Protocol) -> Protocol:
    """The protocol with its name before its labels, and a check before anything public leaves."""
    name = getattr(protocol, "__name__", "protocol")

    async def checked(party: Party, *args: Any) -> Any:
        running = protocol(party, *args)
        if not inspect.isawaitable(running):
            raise InputError(
                f"{name} is not a protocol: define it with `async def {name}(party, ...)`"
            )
        try:
            result = await running
        except (AttributeError, TypeError) as error:
            if "'coroutine'" not in str(error):
                raise
            if inspect.iscoroutine(unfinished := getattr(error, "obj", None)):
                unfinished.close()  # nobody is going to await it
            raise InputError(
                f"{name} uses a protocol's result before it is there: an `await` is missing "
                f"({error})"
            ) from None
        party.endpoint.require_open()  # also if the protocol has caught the abort
        if forgotten := _coroutines(result):
            for unfinished in forgotten:
                unfinished.close()
            raise InputError(
                f"{name} returned a coroutine: an `await` is missing before the last call"
            )
        if party.unchecked and _public(result):
            await check_openings(party, await commit_coin(party))
        return result

    def program(party: Party, *args: Any) -> Coroutine[Any, Any, Any]:
        async def run() -> Any:
            return await step(name, checked(party, *args))

        return run()

    return program


class LabClient:
    """A client of a lab: it uploads secrets and receives results, and trusts no server."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab = lab
        self.name = name
        #: the values it has uploaded: its own, as its view shows them
        self.inputs: list[npt.NDArray[Any]] = []
        self._messages = 0

    def __repr__(self) -> str:
        return f"LabClient({self.name!r} of {self.lab})"

    def upload(
        self,
        values: npt.ArrayLike,
        *,
        among: Sequence[float] | None = None,
        proving: Statement | None = None,
    ) -> SecretArray:
        """Secret-share values at the servers: integers, or floats as fixed-point numbers.

        The client checks the servers' masks before it sends anything (protocol I1 to I7). Floats
        are rounded to the nearest multiple of 2^-fraction, ties to even.

        Servers cannot see whether an input makes sense. So it can come with a proof (V1 to V6 of
        `protocols.validity`): that every value is `among` some, or a `Statement` of any kind on
        the values, flattened, as integers times 2^fraction.

        Raises InputError, before anything is sent, if a value does not fit, or is not what the
        client would have to prove; Refused if the servers do not believe it.

        >>> from mpclab.lab import Lab
        >>> lab = Lab(servers=3, seed=1)
        >>> ballots = lab.client("alice").upload([0, 1, 0], among=[0, 1])
        >>> lab.client("bob").upload([0, 1000, 0], among=[0, 1])
        Traceback (most recent call last):
            ...
        mpclab.errors.InputError: the client cannot prove its input: an entry is 1000, which is ...
        """
        lab = self.lab
        numbers, fraction = encode(values, lab.settings)
        elements = lab.field.array(numbers)
        statement = self._statement(elements, fraction, among, proving)
        self.inputs.append(np.array(values))
        shape = elements.shape
        if not elements.size:  # nothing to hide, nothing to send
            return lab.keep([server.key.constant(elements) for server in lab.servers], fraction)

        async def upload(party: Party) -> Share:
            return await receive_input(party, self.name, shape, statement)

        client = self._connect()
        lab._require_ready()
        lab.preprocess_for(cost.receive_input(lab.n, elements.size, statement))
        outcomes = lab._run_main(
            "upload", _labelled(upload), (),
            others=[(client.endpoint, step("upload", client_input(client, elements, statement)))],
        )
        self._raise(outcomes)
        return lab.keep([outcomes[s.name] for s in lab.servers], fraction)

    def _statement(
        self,
        elements: Elements,
        fraction: int,
        among: Sequence[float] | None,
        proving: Statement | None,
    ) -> Statement | None:
        """What is to be proved of an input, which must be true of it."""
        field = self.lab.field
        if among is not None:
            if proving is not None:
                raise InputError("give `among` or `proving`: a statement can say both")
            allowed = field.array([round(v * 2**fraction) for v in among])
            for wrong in elements[~np.isin(elements, allowed)]:
                value = field.signed(np.asarray(wrong)) / 2**fraction
                raise InputError(
                    f"the client cannot prove its input: an entry is {value:g}, which is not among "
                    f"{', '.join(f'{v:g}' for v in among)}"
                )
            proving = Statement(field, elements.size)
            proving.among(proving.entries(np.arange(elements.size)), allowed.tolist())
        if proving is None or not elements.size:
            return None
        if (proving.field, proving.inputs, proving.witnesses) != (field, elements.size, 0):
            raise InputError(
                f"{proving} in {proving.field} is not about an input of {elements.size} elements "
                f"of {field}, and nothing besides"
            )
        if not proving.holds(elements.reshape(-1, 1)).all():
            raise InputError(f"the client cannot prove its input: {proving} does not hold for it")
        return proving

    def receive(self, secret: SecretArray) -> npt.NDArray[Any]:
        """Learn a secret, and nobody else does (protocol O1 to O4).

        Raises Rejected if the servers' messages do not fit together.
        """
        lab = self.lab
        lab._require_ready()

        async def reveal_to(party: Party, x: Share) -> None:
            await output_to(party, self.name, x)

        lab.held(secret, 0)  # a sentence now, if it belongs elsewhere
        client = self._connect()
        lab.preprocess_for(cost.output_to(lab.n, secret.size))
        outcomes = lab._run_main(
            "online", _labelled(reveal_to), (secret,),
            others=[(client.endpoint, step("reveal_to", client_output(client, secret.size)))],
        )
        self._raise(outcomes)
        return secret.decoded(np.asarray(outcomes[self.name]).reshape(secret.shape))

    def _connect(self) -> Client:
        self._messages += 1
        return Client(
            self.lab._main.endpoint(self.name),
            self.lab.source(f"client {self.name} {self._messages}"),
        )

    def _raise(self, outcomes: Outcomes) -> None:
        mine = outcomes[self.name]
        if isinstance(mine, Rejected):
            raise mine
