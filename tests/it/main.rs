//! Black-box tests: one binary, a module a command.
