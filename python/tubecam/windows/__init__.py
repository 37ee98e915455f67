"""What is said of one window: record, pathways, marks, sampling, JSON lines."""
