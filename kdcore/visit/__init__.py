"""What one visit needs: the queue, the runs, the evidence, the tables. No mathematics."""
