"""leadstream: leads scored while they act."""

import os

# The matrices of one event are small: OpenBLAS's other threads would spin for longer than they
# calculate, and their number would have a say in a sum's last bit. It reads this as numpy loads it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
