"""Legal holds as the domain meets them: what they cover loses nothing that was written into it."""
