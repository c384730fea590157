"""What the pages share: frame, controls, jobs, charts, words."""
