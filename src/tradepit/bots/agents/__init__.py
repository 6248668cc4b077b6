"""Background agents: pure decisions of simulated market participants."""
