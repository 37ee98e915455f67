"""What a model answers: which of its outputs, logits or probabilities."""
