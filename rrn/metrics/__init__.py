"""What is measured of an agent beside its scores."""
