"""The database as SQL Server has it, and as OpenOrchestrator shares it with us."""
