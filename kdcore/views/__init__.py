"""What single pages look at; each module serves one page."""
