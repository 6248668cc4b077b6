"""What is true about trading; pure: no input or output, no clock, no tasks."""
