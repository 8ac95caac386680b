"""The live probe: a local model answers a question about the picture in front while the severity slider moves."""
