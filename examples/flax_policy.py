"""Train ten policies as one program, by jit and vmap over seeds, with rationals and ReLU (REINFORCE, cart-pole).

python examples/flax_policy.py    # needs the extra `jax`, and optax"""

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from rrn.linen import Rational

AGENTS, EPISODES, STEPS, UPDATES = 10, 8, 200, 30
optimizer = optax.adam(1e-2)


class Policy(nn.Module):
    rational: bool

    @nn.compact
    def __call__(self, x):
        act = Rational(name="act") if self.rational else nn.relu  # one set of coefficients at both places
        return nn.Dense(2)(act(nn.Dense(16)(act(nn.Dense(16)(x)))))


def push(state, action):  # position and speed of the cart, angle and its speed, 0.02 s later (Barto et al. 1983)
    _, v, angle, w = state
    force = (20.0 * action - 10 + 0.05 * w**2 * jnp.sin(angle)) / 1.1
    turn = (9.8 * jnp.sin(angle) - jnp.cos(angle) * force) / (0.5 * (4 / 3 - 0.1 * jnp.cos(angle) ** 2 / 1.1))
    return state + 0.02 * jnp.array([v, force - 0.05 * turn * jnp.cos(angle) / 1.1, w, turn])


def train(key, policy):  # the mean return before each update
    def step(carry, key):
        params, state, stands = carry
        after = push(state, action := jax.random.categorical(key, policy.apply(params, state)))
        return (params, after, stands & (abs(after[0]) < 2.4) & (abs(after[2]) < 0.2095)), (state, action, stands)

    def update(carry, key):
        params, memory = carry
        starts = jax.random.uniform(key, (EPISODES, 4), minval=-0.05, maxval=0.05)
        episode = jax.vmap(lambda start, keys: jax.lax.scan(step, (params, start, True), keys)[1])
        states, actions, stands = episode(starts, jax.random.split(key, (EPISODES, STEPS)))
        to_go = jnp.cumsum(stands[:, ::-1], 1)[:, ::-1]  # [EPISODES, STEPS]
        weights = stands * (to_go - to_go.mean(0)) / (to_go.std() + 1e-6)

        def loss(params):
            log_p = jax.nn.log_softmax(policy.apply(params, states)) * jax.nn.one_hot(actions, 2)
            return -(weights[..., None] * log_p).sum(-1).mean()

        change, memory = optimizer.update(jax.grad(loss)(params), memory)
        return (optax.apply_updates(params, change), memory), stands.sum(1).mean()

    start = (params := policy.init(key, jnp.zeros(4))), optimizer.init(params)
    return jax.lax.scan(update, start, jax.random.split(key, UPDATES))[1]


keys = jax.random.split(jax.random.key(0), AGENTS)
for policy in (Policy(rational=False), Policy(rational=True)):
    returns = jax.jit(jax.vmap(lambda key, policy=policy: train(key, policy)))(keys)  # [AGENTS, UPDATES]
    print(f"{policy.rational=}: mean return {returns[:, 0].mean():.1f} before, {returns[:, -1].mean():.1f} after")
