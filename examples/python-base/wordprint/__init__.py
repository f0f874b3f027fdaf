"""The fingerprint of a text's words: what the image runs."""
