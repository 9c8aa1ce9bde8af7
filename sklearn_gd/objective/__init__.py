"""The objective F, and every pass over the samples that it takes."""
