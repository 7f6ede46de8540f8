"""Container images: from an archive or another registry into the ministry's, and the proof that they are there."""
