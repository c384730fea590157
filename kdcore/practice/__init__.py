"""Distillation in practice: what published systems keep, and what an answer costs here."""
