"""What is kept on disk: named SQL queries over one database, and code by its digest."""
