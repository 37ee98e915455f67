"""A bundle on disk: sidecar, labels, classes; and those that come with the package."""
