"""The paper's experiment: six methods on four data sets under one protocol."""
