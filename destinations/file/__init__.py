"""Files: numbered, of NDJSON or CSV, each whole or not there at all."""
