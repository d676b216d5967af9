"""Whether a candidate is good enough: measured on rows that it has not seen, with how sure that is."""
