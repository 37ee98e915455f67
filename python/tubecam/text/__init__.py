"""Words for people: numbers of things, addresses without secrets."""
