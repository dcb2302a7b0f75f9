"""What is done to vectors before they are compared; kept as arrays and JSON."""
