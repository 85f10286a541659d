-- What the images in the image store are called. Names are the machine's own: every account may use every image.

CREATE TABLE images (
    name TEXT NOT NULL, -- repository:tag
    digest TEXT NOT NULL, -- hex SHA-256 of the manifest
    added_at DOUBLE PRECISION NOT NULL, -- epoch seconds
    PRIMARY KEY (name)
);
