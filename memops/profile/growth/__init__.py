"""What is live and what grows: estimates, their algebra, trends."""
