"""`make demo`: the whole product on one machine, from nothing to a live alert, as supervised child processes."""
