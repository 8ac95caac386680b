"""Who answers: baselines, local models, servers. Each backend is imported only when a run names it."""
