"""The schema's history, append-only. `Database.migrate` runs it; every released schema can be brought up to date."""
