"""SQL Server, and the tables that OpenOrchestrator shares with us."""
