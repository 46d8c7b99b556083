"""What a stage leaves behind, as frozen dataclasses: `record.py` is the envelope, one module per stage its outputs."""
