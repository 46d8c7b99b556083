"""Object stores: S3 and a local directory behind one Protocol. An object is created once and never overwritten."""
