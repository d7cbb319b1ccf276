"""Routes for programs: each a module with the routes of one thing."""
