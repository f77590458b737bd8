"""The page of `marketsim serve`: pick a scenario, move sliders, see what each policy costs; on this machine alone."""
