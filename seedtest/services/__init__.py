"""The verbs: the only writers of rows. Time is an argument; every transition is a compare-and-set."""
