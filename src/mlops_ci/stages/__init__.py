"""One module per stage, and what runs them: `session.py` (what it may use), `runner.py` (one), `sequence.py` (many)."""
