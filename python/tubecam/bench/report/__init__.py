"""What a benchmark found, for people: tables on the terminal, a plot."""
