"""One SQL database: transactions, schema versions, and statements that dialects word differently."""
