"""A house whose actions the simulator knows, and a policy for it that nobody had to train."""

from random import Random

from online_models.policy.dqn import DeepQNetwork
from online_models.policy.encoder import Encoder
from online_models.policy.network_acting import NetworkActing
from online_models.policy.networks import Network
from stream.lead.actions import Catalogue, parse_catalogue
from stream.simulated_policy import SimulatedPolicy
from stream.simulator.house_training import candidate_names, checked_likeness
from stream.simulator.world import WorldParameters

ACTIONS = """
[[action]]
name = "call"
channel = "phone"
rules = ["high_intent", "tier_rose"]

[[action]]
name = "webinar"
channel = "email"
rules = ["high_intent", "tier_rose", "tier_fell", "absence"]

[[action]]
name = "content"
channel = "email"
rules = ["high_intent", "tier_rose", "tier_fell", "absence"]
framings = ["plain", "social_proof"]

[[action]]
name = "demo_invite"
channel = "email"
rules = ["high_intent", "tier_rose", "tier_fell", "absence"]

[[action]]
name = "discount"
channel = "email"
rules = ["tier_rose", "tier_fell", "absence"]

[[action]]
name = "nothing"
channel = "none"
rules = ["high_intent", "tier_rose", "tier_fell", "absence"]

[governance]
cooldown_s.high_intent = 3_600
cooldown_s.tier_rose = 86_400
cooldown_s.tier_fell = 86_400
cooldown_s.absence = 604_800
"""
"""The first that an occasion offers is what a marketer would do: call whom is warm, invite."""


def catalogue() -> Catalogue:
    return parse_catalogue(ACTIONS)


def untrained_policy(of: Catalogue | None = None, seed: int = 0) -> SimulatedPolicy:
    """Return a policy of a file as it could stand there, whose preferences are drawn."""
    known = of or catalogue()
    candidates = list(candidate_names(known))
    encoder = Encoder()
    encoder.observe({"score": 0.1, "rule": "absence"})
    encoder.observe({"score": 0.5, "rule": "high_intent"})
    network = Network((4,), len(candidates), seed)
    network.grow(len(encoder))
    rng = Random(seed)
    network.weights[:] = [rng.gauss(0.0, 1.0) for _ in network.weights]
    acting = NetworkActing("dqn", DeepQNetwork.preferred, encoder, network, 0.1)
    acting.place(candidates)
    return SimulatedPolicy(
        likeness=checked_likeness(known, {}),
        candidates=candidates,
        decisions=7,
        leads=40,
        seed=seed,
        world=WorldParameters().to_json(),
        earned={},
        policy=acting.snapshot(),
    )
