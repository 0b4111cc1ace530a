"""Report on finished and unfinished runs, beside the paper's numbers: on the terminal and as one HTML file."""
