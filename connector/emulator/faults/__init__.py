"""What goes wrong between client and agent: plans, and what carries them out."""
