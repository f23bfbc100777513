"""Images in, a segmentation model out: unsupervised semantic segmentation by mask distillation (arXiv 2206.06363)."""
