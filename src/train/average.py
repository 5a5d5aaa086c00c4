"""The mean of weights files that were trained on from one and the same file.

    python3 src/train/average.py A.weights B.weights C.weights C.weights -o OUT.weights

A file that is named twice counts twice. Runs that begin at the same weights end close enough for the mean of their
weights to be a network as well, and one that errs less than each of them: Wortsman et al., Model soups, 2022.
"""

import argparse

import numpy as np

import export


def mean(files):
    """Header and data of the mean of what `export.read` gave of the files, which must hold the same networks."""
    header = dict(files[0][0])
    if any(other["networks"] != header["networks"] for other, _ in files):
        raise ValueError("these files do not hold the same networks")
    origins = {name: [other["recipe"][name] for other, _ in files] for name in header["networks"]}
    # A network that no run trained stays what it was, to the bit.
    header["recipe"] = {n: of[0] if all(o == of[0] for o in of) else {"mean_of": of} for n, of in origins.items()}
    return header, np.mean([data.astype("f8") for _, data in files], axis=0).astype("<f2")


def main():
    """Parses the command line, averages, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", help="weights files")
    parser.add_argument("-o", "--output", required=True, help="weights file to write")
    args = parser.parse_args()
    base = mean([export.read(path) for path in args.files])
    size, digest = export.write(args.output, dict.fromkeys(base[0]["networks"]), base[0]["recipe"], base)
    print(f"{args.output}: {size / 1e6:.2f} MB, sha256 {digest}")


if __name__ == "__main__":
    main()
