"""The two fully convolutional networks that the paper compares itself with."""
