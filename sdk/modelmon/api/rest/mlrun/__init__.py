"""What MLRun's own client asks, answered in MLRun's shapes."""
