"""Write and read the files in the folder of a run."""
