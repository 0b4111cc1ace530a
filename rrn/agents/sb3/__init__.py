"""DQN and PPO of stable-baselines3 as agents of a run."""
