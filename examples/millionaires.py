"""python examples/millionaires.py: who of two is richer, and nothing else, by three servers."""

from mpclab import Lab

with Lab(servers=3) as lab:
    alice = lab.client("alice").upload(5_300_000)
    bob = lab.client("bob").upload(4_900_000)
    print("Alice is richer." if (alice > bob).reveal() else "Bob is at least as rich.")
    print(lab.transcript)
