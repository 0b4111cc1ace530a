"""The protocol of a run in one line, so that two numbers can be compared at a glance."""

from __future__ import annotations

from rrn.config.schema import AtariConfig, Config, MinAtarConfig


def protocol_line(config: Config) -> str:
    """What scores depend on besides the agent: on Atari frame skip, sticky actions, max-pool, no-ops and so on."""
    env = config.env
    clip = "rewards clipped to [-1, 1]" if env.clip_rewards else "rewards not clipped"
    if isinstance(env, MinAtarConfig):
        return (
            f"protocol: {env.name}, sticky actions {env.sticky_actions:g}, ramping {'on' if env.ramping else 'off'}, "
            f"{clip}, step cap {env.step_cap}"
        )
    if not isinstance(env, AtariConfig):
        return f"protocol: {env.name}, {clip}"
    fire = ", FIRE for each life" if env.fire else ""
    resize = {"area": "by area", "bilinear": "bilinearly"}[env.resize]
    return (
        f"protocol: frame skip {env.frame_skip}, sticky actions {env.sticky_actions:g}, "
        f"max-pool {'on' if env.max_pool else 'off'}, no-ops up to {env.noop_max}{fire}, "
        f"life loss {'ends' if env.life_loss else 'does not end'} an episode for learning, {clip}, "
        f"frame cap {env.frame_cap}, resize to {env.size}x{env.size} {resize}, stack {env.stack}"
    )
