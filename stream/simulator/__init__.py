"""Seeded leads with a hidden intent, as events of the contract, and the truth about them."""

from stream.simulator.imperfections import Imperfections
from stream.simulator.simulation import SimulatedEvent, Simulation, simulate
from stream.simulator.truth import Flaw, LeadTruth, Truth

__all__ = [
    "Flaw",
    "Imperfections",
    "LeadTruth",
    "SimulatedEvent",
    "Simulation",
    "Truth",
    "simulate",
]
