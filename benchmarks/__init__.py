"""What performance claims are measured with: commands that print ratios with their spread."""
