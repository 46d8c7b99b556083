"""Scores a model on the test part, which the training never sees: metrics.json and predictions.csv."""

import argparse
import csv
import json
from pathlib import Path

import torch
from dataset import load, split
from network import build, score

from mlops_ci.guest.sdk import load_model, parity


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with images.npy and labels.npy")
    parser.add_argument("--model", type=Path, help="folder with model.safetensors (default: MLOPS_MODEL_DIR)")
    parser.add_argument("--to", type=Path, default=Path("outputs"), help="folder for the results")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    state, config = load_model(arguments.model)
    network = build(config["width"], config["classes"])
    network.load_state_dict(state)
    images, labels = load(arguments.data)
    test = split(len(labels))["test"]
    loss, accuracy = score(network, images[test], labels[test])
    with torch.no_grad():
        confidences, predictions = network(images[test]).softmax(dim=1).max(dim=1)
    metrics = {"accuracy": accuracy, "loss": loss}
    try:
        metrics["parity"] = parity(network, arguments.model)
    except FileNotFoundError:
        print("this model was saved without an example of what it gives")

    arguments.to.mkdir(parents=True, exist_ok=True)
    (arguments.to / "metrics.json").write_text(json.dumps(metrics) + "\n")
    with (arguments.to / "predictions.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["id", "target", "prediction", "confidence"])
        rows.writerows(
            zip(test.tolist(), labels[test].tolist(), predictions.tolist(), confidences.tolist(), strict=True)
        )
    print(f"accuracy {accuracy:.4f} on {len(test)} images")


if __name__ == "__main__":
    main()
