"""One module a subcommand: `add_parser(subparsers)` describes it, `run(args)` does it and gives the exit status."""
