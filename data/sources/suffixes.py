"""Which files are taken for images, and which are pictures that are not read."""

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm",
     ".pbm", ".pnm", ".jp2", ".tga", ".avif")
)  # fmt: skip
"""File names that are taken for images, in any case."""
NOT_READ = frozenset(
    (".heic", ".heif", ".hif", ".jxl", ".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".raf", ".orf",
     ".rw2", ".pef", ".srw", ".x3f", ".raw", ".psd", ".psb", ".xcf", ".svg", ".eps", ".ps", ".ai", ".pdf", ".exr",
     ".hdr", ".pfm", ".j2k", ".jpf", ".jpx", ".j2c", ".ico", ".icns", ".dds", ".pcx", ".dcm", ".nii", ".svs", ".ndpi",
     ".czi", ".lif", ".npy", ".npz", ".h5", ".mat", ".mp4", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mts")
)  # fmt: skip
"""Pictures and films that people keep beside images: left out, and counted aloud."""
DEEP = frozenset((".png", ".apng", ".tif", ".tiff", ".ppm", ".pgm", ".pnm", ".jp2"))
"""Those whose pictures may be deeper than 8 bits."""
FORMATS = ("JPEG", "MPO", "PNG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM", "JPEG2000", "TGA", "AVIF")
"""The formats of Pillow that are read, whatever a file is called: none that starts another program, such as
Ghostscript, or that opens further files."""
NO_IMAGES = frozenset(
    ("@eadir", "#recycle", "@recycle", "@recently-snapshot", "__macosx", "$recycle.bin", "lost+found", "#snapshot",
     "system volume information", "thumbs")
)  # fmt: skip
"""Folders of file servers and systems, in lower case: what lies in them are thumbnails and copies."""
