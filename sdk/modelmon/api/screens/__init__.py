"""Pages: each a module with the routes of one screen."""
