"""One pass of a machine in scikit-learn: BernoulliRBM, persistent chains, 32-bit floats. Its negative
phase samples the visible units, where the others take their means."""

import time
import warnings

from side_by_side.peers.answering import answer, missing, options

try:
    import numpy
    import sklearn
    from sklearn.neural_network import BernoulliRBM
except ImportError as error:
    missing(error)

chosen = options()
data = numpy.load(chosen["images"])


def one_pass(rows: int = len(data)) -> dict:
    machine = BernoulliRBM(
        n_components=chosen["hidden"], learning_rate=0.1, batch_size=100, n_iter=1, random_state=1
    )
    started = time.perf_counter()
    machine.fit(data[:rows])
    return {"seconds": time.perf_counter() - started}


warnings.simplefilter("ignore")
one_pass(len(data) // 10)
answer({"version": f"scikit-learn {sklearn.__version__}"}, one_pass)
