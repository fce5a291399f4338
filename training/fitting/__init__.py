"""One network on single readings, pictures or both: chosen from the catalog, trained, tested, read back."""
