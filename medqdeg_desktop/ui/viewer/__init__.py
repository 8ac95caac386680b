"""Looking at frames: a pane, panes that move together, and the store of decoded frames behind them."""
