"""Whether an exported explanation is true of the model: autograd, randomisation."""
