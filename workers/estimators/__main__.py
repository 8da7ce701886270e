"""`python -m workers.estimators`: write down, for the service, what scikit-learn says of them."""

import sys

from workers.estimators.hyperparameters import write

if __name__ == "__main__":
    write(sys.argv[1:])
