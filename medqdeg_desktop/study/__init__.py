"""The study file (SQLite): schema and migrations, records, audit chain, bundles for exchange."""
