"""Shows a robot or a recording in a browser: keeps what is heard within bounds, and serves it as one page."""
