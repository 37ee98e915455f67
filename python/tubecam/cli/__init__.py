"""One module a subcommand: `add_parser` describes it, `run` does it and gives the exit status."""
