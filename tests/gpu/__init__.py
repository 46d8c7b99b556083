"""What only a GPU can show. Everywhere else these tests are skipped, and say so."""
