"""The files that bags are made of. Each is read record by record, so that damage costs only what it hit."""
