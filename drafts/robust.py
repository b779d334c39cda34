"""Trials for point 5 on validation images (needs the distortions of values of next.patch): one recipe an argument.

For each: validation accuracy, and the accuracy on corrupted validation images beside plain LENET5's (seed 42).
python robust.py A B ...   (one thread a process)
"""
import sys
import torch
from dataclasses import replace
from mnist_helpers import data, training
from mnist_helpers.analysis import corruptions
from mnist_helpers.training import recipes, models
torch.set_num_threads(1)
B = replace(recipes.BEST_LENET5, validation=5_000)
A0 = recipes.AUGMENTATION
TRIALS = {
    "best": A0,
    "A": replace(A0, contrast=0.95, brightness=0.3, blur=1.5, noise=1.0),
    "B": replace(A0, contrast=0.9, brightness=0.3, blur=1.0, noise=0.6),
    "C": replace(A0, contrast=0.97, blur=2.0, noise=1.2),
    "D": replace(A0, contrast=0.95, blur=3.0, noise=1.2),
}
mnist = data.load(device="cpu")
_, valid = data.split(mnist.train, 5_000)
def report(name, recipe):
    run = training.train(recipe, 42, on_epoch=lambda row: None)
    networks = {name: [(run.model(), recipe)]}
    frame = corruptions.accuracies(networks, valid)
    print(name, f"valid {100*run.history[-1]['valid_accuracy']:.2f}", flush=True)
    print(frame.pivot(index="kind", columns="strength", values="accuracy").round(1).to_string(), flush=True)
    print(frame.groupby("kind").accuracy.mean().round(2).to_dict(), flush=True)
for name in sys.argv[1:]:
    report(name, recipes.LENET5 if name == "plain" else B.changed(f"robust {name}", augmentation=TRIALS[name]))
