"""Everything from outside as one checksummed archive: named, exported, and imported where there is no network."""
