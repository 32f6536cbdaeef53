"""Linear algebra for many constraints at once; it knows neither networks nor problems."""
