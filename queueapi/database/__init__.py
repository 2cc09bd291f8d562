"""Fields, checks and migration operations for a database shared with OpenOrchestrator."""
