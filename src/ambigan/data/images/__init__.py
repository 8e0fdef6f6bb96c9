"""Sources of images: folders, published sets, the hub; decoding and cropping."""
