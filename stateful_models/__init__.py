"""Why we believe it: explorer, state machines, traces, subjects, the command line."""
