"""The lake (keys to bytes), its layout, and the ways to read it back."""
