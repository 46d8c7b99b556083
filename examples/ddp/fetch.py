"""Writes the data set into a folder. Yours would download it; this one ships with scikit-learn."""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, required=True, help="folder for images.npy and labels.npy")
    folder = parser.parse_args().to
    digits = load_digits()
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "images.npy", digits.images.astype(np.uint8))
    np.save(folder / "labels.npy", digits.target.astype(np.uint8))
    print(f"wrote {len(digits.target)} images to {folder}")


if __name__ == "__main__":
    main()
