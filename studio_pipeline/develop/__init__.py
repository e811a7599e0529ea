"""RAW, TIFF and JPEG to a Frame; the one user of rawpy."""
