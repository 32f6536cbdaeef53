"""A comparison on its way: what is asked, the studies that answer it, and what they found."""
