"""Which axes of a tensor descend from the clip's time, height and width."""
