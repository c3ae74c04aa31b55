"""Latents: the pictures as the networks see them, 4 channels at an eighth of the size."""
