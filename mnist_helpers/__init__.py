"""LeNet-5 and an MLP on MNIST: what the report's notebooks do their work with."""
