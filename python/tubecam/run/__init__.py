"""`tubecam run`: a pipeline from source to files, its player and its progress."""
