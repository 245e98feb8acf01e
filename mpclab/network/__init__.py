"""Rounds, endpoints, networks and the transcript: how messages travel."""
