"""The published pictures: how far drawn ones carry over, fine-tuning, the paper's tables, a bundle."""
