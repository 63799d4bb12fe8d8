"""Google Analytics 4: server-side events through the Measurement Protocol."""
