"""The minimum of neighbours and the noise in the protocol: right, private, checked, paid for."""

from collections import Counter

import numpy as np
import pytest

from mpclab.errors import Abort, InputError, MpclabError
from mpclab.lab import Lab
from mpclab.preprocessing.material import ZeroTest
from mpclab.protocols.comparison import METHODS
from mpclab.recommender import Noise, Parameters, Recommender, plaintext, released
from mpclab.recommender.protocol import QUERIES, query_material
from mpclab.recommender.release import OutputNoise, release_material
from mpclab.sharing import mac_holds, reconstruct
from tests.cheating import (
    FALSE_ALARM,
    RATINGS,
    THRESHOLD,
    Cheat,
    Spy,
    by_hand,
    uniform_below,
    value,
)

WITHHELD = ([0, 0, 0], [0, 0, 0], 0)


def ready(servers=2, *, comparison="tables", seed=1, queries=1, modulus=2**61 - 1, **changes):
    lab = Lab(servers, seed=seed, comparison=comparison, modulus=modulus)
    parameters = Parameters(
        **{"users": 8, "items": 5, "dense": 2, "min_dense": 1, "modulus": modulus, **changes}
    )
    recommender = Recommender(lab, parameters)
    recommender.preprocess(rows=4)
    recommender.preprocess(queries=queries)
    assert recommender.upload(RATINGS) == 4
    return recommender


def numbers(result):
    return result.sums.tolist(), result.counts.tolist(), result.neighbours


def ways():
    return [(n, w) for n in (2, 3, 5) for w in METHODS if (n, w) in ((2, "fss"),) or w != "fss"]


# -- the rule -------------------------------------------------------------------------


@pytest.mark.parametrize(("servers", "comparison"), ways())
def test_a_result_is_released_with_enough_neighbours_only(servers, comparison):
    """User 0 has two neighbours: minima of 1 and 2 are met, 3 and 8 are not."""
    wanted = by_hand(RATINGS, RATINGS[0], THRESHOLD, own=0)
    assert wanted[2] == 2
    for m in (1, 2, 3, 8):
        recommender = ready(servers, comparison=comparison, min_neighbours=m)
        result = recommender.recommend(RATINGS[0], THRESHOLD, user=0)
        assert numbers(result) == (wanted if m <= 2 else WITHHELD)
        assert result.withheld is (m > 2)
        assert result.noise is None
        sums, counts, neighbours = plaintext(
            recommender.parameters, RATINGS, RATINGS[0], THRESHOLD, exclude=0
        )
        assert numbers(result) == (sums.tolist(), counts.tolist(), neighbours)


@pytest.mark.parametrize("threshold", [-1, 0.5, 0.95, 1])
def test_every_number_of_neighbours_against_every_minimum(threshold):
    wanted = by_hand(RATINGS, RATINGS[0], threshold)
    for m in range(6):
        result = ready(min_neighbours=m).recommend(RATINGS[0], threshold)
        assert result.withheld is (wanted[2] < m)
        assert numbers(result) == (WITHHELD if wanted[2] < m else wanted)


@pytest.mark.parametrize("servers", [2, 3])
def test_the_rule_in_a_toy_field(servers):
    """p = 101, one table of all elements per comparison."""
    for m in (0, 1, 2):
        lab = Lab(servers, seed=1, modulus=101)
        p = Parameters(2, 4, 2, 101, scale=3, min_dense=1, min_neighbours=m, validated=False)
        recommender = Recommender(lab, p)
        recommender.preprocess(rows=2, queries=1)
        recommender.upload(RATINGS[:2, :4])
        result = recommender.recommend(RATINGS[0, :4], 0.5, user=0)
        assert result.withheld is (m == 2)
        assert result.neighbours == (1 if m < 2 else 0)


def test_an_empty_database_is_withheld():
    recommender = Recommender(Lab(seed=1), Parameters(4, 4, 2, min_dense=1, min_neighbours=1))
    recommender.preprocess(rows=4, queries=1)
    assert recommender.recommend(np.array([5, 5, 0, 0]), -1).withheld


def test_a_minimum_that_cannot_be_compared_is_told_before_anything_is_made():
    """p = 101 has room for the number of neighbours of 20 users, but not for their noise."""
    with pytest.raises(InputError, match="function secret sharing"):
        release_material(Parameters(4, 4, 2, min_dense=1, min_neighbours=1), "fss", 3)
    with pytest.raises(InputError, match="too small"):
        Parameters(2, 4, 2, 101, scale=3, min_dense=1, noise=Noise(1.0))


def test_noise_and_rule_with_real_processes():
    """What servers prepare goes to processes of their own, and gives the same results there."""
    from mpclab.network.loopback.measure import query_in_processes

    recommender = ready(noise=Noise(2.0), min_neighbours=1, queries=2)
    p = recommender.parameters
    exact = plaintext(p, RATINGS, RATINGS[0], THRESHOLD, exclude=0)
    wanted, prepared = [], []
    for _ in range(2):
        wanted.append(released(p, exact, dealt(recommender)))
        prepared.append(recommender.prepare(0))
    found = query_in_processes(recommender, prepared, RATINGS[0], THRESHOLD)
    for (result, _), want in zip(found, wanted, strict=True):
        assert numbers(result) == (want[0].tolist(), want[1].tolist(), want[2])
        assert result.withheld is (want[2] == 0)
        assert result.noise == p.calibration


# -- what it costs --------------------------------------------------------------------


def steps(recommender, session):
    return [r.step for r in recommender.lab.transcript.select(session, "online")]


def test_off_nothing_is_taken_sent_or_waited_for():
    assert release_material(Parameters(8, 5, 2, min_dense=1)) == ()
    recommender = ready()
    result = recommender.recommend(RATINGS[0], THRESHOLD, user=0)
    transcript = recommender.lab.transcript
    assert transcript.rounds(result.session, "online") == 8
    assert not any("release" in s for s in steps(recommender, result.session))
    # 3 N + L + 1 elements of 8 bytes, and hashes and commitments; frames as the codec counts them
    length = recommender.parameters.outputs
    assert transcript.elements_sent("server 0", result.session, "online") == 3 * 4 + length + 1
    noisy = ready(noise=Noise(1.0), counts=False)
    plain = ready(counts=False)
    sizes = []
    for r in (noisy, plain):
        asked = r.recommend(RATINGS[0], THRESHOLD, user=0)
        own = r.lab.transcript
        assert own.rounds(asked.session, "online") == 8
        length = r.parameters.outputs
        sizes.append(own.bytes_sent("server 0", asked.session, "online") - 8 * length)
    assert sizes[0] == sizes[1]  # noise costs what its wider slots cost, and nothing else


def test_everything_made_for_a_query_is_used_by_it():
    """query_material plus two zero tests: nothing lacks, and nothing is left."""
    recommender = ready(min_neighbours=2, noise=Noise(1.0))
    p, lab = recommender.parameters, recommender.lab
    sizes = [(serial, spec.rows) for serial, spec in recommender._row_masks]
    specs = [*query_material(p, sizes, "tables", 2), *[ZeroTest(QUERIES)] * 2]
    pool = lab.servers[0].pool
    assert all(pool.count(s) == c for s, c in Counter(specs).items())
    taken = []
    take = lab.servers[0].pool.take
    lab.servers[0].pool.take = lambda spec: (taken.append(spec), take(spec))[1]
    prepared = recommender.prepare(0)
    recommender.query(prepared, RATINGS[0], THRESHOLD)
    assert Counter(taken) == Counter(specs)
    assert all(pool.count(s) == 0 for s in specs)
    assert all(not queue for party in prepared.session.parties
               for queue in party._reserved.values())


# -- noise ------------------------------------------------------------------------------


def dealt(recommender):
    """The noise of the next query, put together from all servers' shares."""
    p = recommender.parameters
    shares = [
        s.pool._stock[OutputNoise(p)][0][1]["noise"] for s in recommender.lab.servers
    ]
    assert mac_holds(shares)
    packed = reconstruct(shares)
    sums, counts = p.packing.unpack(packed[:-1], p.scored)
    return sums, counts, int(packed[-1]) - p.neighbours_bound


@pytest.mark.parametrize("servers", [2, 3, 5])
@pytest.mark.parametrize("counts", [True, False])
def test_a_noisy_result_is_the_exact_one_and_the_noise_that_was_dealt(servers, counts):
    recommender = ready(servers, counts=counts, noise=Noise(2.0, contribution=1), queries=2)
    p = recommender.parameters
    exact = plaintext(p, RATINGS, RATINGS[0], THRESHOLD, exclude=0)
    if not counts:
        exact = exact[0], 0 * exact[1], exact[2]
    seen = []
    for _ in range(2):
        noise = dealt(recommender)
        result = recommender.recommend(RATINGS[0], THRESHOLD, user=0)
        wanted = released(p, exact, noise)
        assert numbers(result) == (wanted[0].tolist(), wanted[1].tolist(), wanted[2])
        assert result.noise == p.calibration
        assert not result.withheld
        seen.append(noise[0].tolist())
    assert seen[0] != seen[1]
    assert exact[0].tolist() == [7, 10, 0]  # of [7, 3, 0] and [0, 10, 1] the best one each
    assert "half stars" in repr(result.noise)


def test_the_rule_reads_the_noisy_number_of_neighbours():
    found = set()
    for seed in range(12):
        recommender = ready(noise=Noise(2.0, contribution=2), min_neighbours=2, seed=seed)
        p, noise = recommender.parameters, dealt(recommender)
        result = recommender.recommend(RATINGS[0], THRESHOLD, user=0)
        enough = 2 + noise[2] >= 2
        wanted = released(p, plaintext(p, RATINGS, RATINGS[0], THRESHOLD, exclude=0), noise)
        assert result.withheld is not enough
        assert numbers(result) == (wanted[0].tolist(), wanted[1].tolist(), wanted[2])
        found.add(enough)
    assert found == {True, False}


def test_predictions_of_noisy_results_are_ratings():
    for seed in range(5):
        recommender = ready(noise=Noise(0.5), seed=seed)
        stars = recommender.recommend(RATINGS[0], THRESHOLD, user=0).predicted()
        assert np.isnan(stars).all() or ((stars >= 0.5) & (stars <= 5)).all()


# -- cheating -----------------------------------------------------------------------------

NEW = ["release/x + r", "release/D + 2^m t + r2", "release/X - A, Y - B"]


@pytest.mark.parametrize(("servers", "corrupt"), [(2, "server 1"), (3, "server 0")])
@pytest.mark.parametrize("label", NEW)
@pytest.mark.parametrize("at", [0, -1])
@pytest.mark.parametrize("minimum", [2, 3])
def test_a_server_that_alters_a_new_opening_is_caught(servers, corrupt, label, at, minimum):
    """Whether the result would be released or not: an abort before anything leaves."""
    recommender = ready(servers, min_neighbours=minimum, queries=2)
    cheat = Cheat(recommender.lab, corrupt, label, value(0, at))
    with pytest.raises(Abort):
        recommender.recommend(RATINGS[0], THRESHOLD, user=0)
    assert cheat.hits == servers
    assert not any(r.step == "result" for r in recommender.lab.transcript.records)
    recommender.lab.network.adversary, recommender.lab.network.corrupt = None, frozenset()
    result = recommender.recommend(RATINGS[0], THRESHOLD, user=0)
    assert result.withheld is (minimum == 3)


@pytest.mark.parametrize("label", NEW)
def test_a_server_that_tells_different_servers_different_things_is_caught(label):
    recommender = ready(3, min_neighbours=2)
    cheat = Cheat(recommender.lab, "server 1", label, value(), to=["server 2"])
    with pytest.raises(MpclabError):
        recommender.recommend(RATINGS[0], THRESHOLD, user=0)
    assert cheat.hits == 1
    results = [r for r in recommender.lab.transcript.records if r.step == "result"]
    assert len(results) < 3  # a client takes nothing that not all servers sent


def test_a_server_cannot_take_its_part_of_the_noise_off():
    """Its share of the noise replaced by zeros, with a MAC share to match as well as it can."""
    recommender = ready(noise=Noise(1.0))
    pool = recommender.lab.servers[1].pool
    pool._stock[OutputNoise(recommender.parameters)][0][1]["noise"].data[:] = 0
    with pytest.raises(Abort):
        recommender.recommend(RATINGS[0], THRESHOLD, user=0)


# -- views ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_is_opened_for_the_rule_is_uniform_whether_it_releases_or_not():
    """p = 23, 130 queries to each of two databases: chi-square of every kind of opened value.

    One database has 2 neighbours, the other none, and the minimum is 2. False-alarm rate 1e-6 for
    every test.
    """
    from scipy.stats import chi2_contingency

    p, found = 23, []
    for row, seed in (([1, 0], 5), ([0, 1], 6)):
        lab = Lab(2, seed=seed, modulus=p)
        recommender = Recommender(
            lab,
            Parameters(
                2, 4, 2, p, scale=1, min_dense=1, counts=False, min_neighbours=2, validated=False
            ),
        )
        recommender.preprocess(rows=2)
        recommender.upload_encoded(
            lab.field.array(np.array([row] * 2)), np.full((2, 2), 5, np.uint64)
        )
        spy = Spy(lab, who=["server 0"])
        recommender.preprocess(queries=130)
        results = [
            recommender.query_encoded(recommender.prepare(), np.array([1, 0]), 1)
            for _ in range(130)
        ]
        assert all(r.withheld is (seed == 6) for r in results)
        opened = {}
        for label, values in spy.opened():
            opened.setdefault(label, []).append(values.reshape(-1).astype(np.int64))
        found.append({k: np.array(v) for k, v in opened.items() if "release" in k})
    assert set(found[0]) == {"release/x + r", "release/X - A, Y - B"}
    for opened in found:
        compared, multiplied = opened["release/x + r"], opened["release/X - A, Y - B"]
        assert multiplied.shape == (130, 4)
        assert uniform_below(compared, p)
        for k in range(4):
            assert uniform_below(multiplied[:, k], p)
            assert uniform_below((multiplied[:, k] - compared[:, 0]) % p, p)
    for label in found[0]:
        table = np.stack([np.bincount(o[label].reshape(-1), minlength=p) for o in found])
        assert chi2_contingency(table).pvalue > FALSE_ALARM, label


def test_servers_shares_of_noise_tell_nothing_of_it():
    """One server's shares, over many bundles, are uniform and do not follow the noise."""
    recommender = ready(noise=Noise(100.0, contribution=1), queries=0)
    recommender.preprocess(queries=300)
    p, lab = recommender.parameters, recommender.lab
    stock = [s.pool._stock[OutputNoise(p)] for s in lab.servers]
    mine = np.array([m["noise"].value for _, m in stock[0]], np.uint64)
    both = np.array(
        [reconstruct([a["noise"], b["noise"]]) for (_, a), (_, b) in zip(*stock, strict=True)]
    )
    assert len(np.unique(both[:, -1])) < 20  # little noise: few values
    top = (mine[:, -1] >> np.uint64(56)).astype(np.int64)  # the five top bits
    assert uniform_below(top, 32)
    correlation = np.corrcoef(mine[:, -1].astype(float), both[:, -1].astype(float))[0, 1]
    assert abs(correlation) < 5 / np.sqrt(300)
