"""What is shown: bounded queries for whoever looks, over the ledger and the stores."""
