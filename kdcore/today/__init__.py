"""What the lessons on distillation today need: inputs nobody drew, shared starts, a pen."""
