"""What several test files share; pytest finds it by `pythonpath` in pyproject.toml."""
