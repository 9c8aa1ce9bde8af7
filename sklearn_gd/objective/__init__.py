"""The objective F, and all passes over the samples."""
