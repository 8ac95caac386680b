"""The reader protocol: sessions and trials, consensus, severity profiles."""
