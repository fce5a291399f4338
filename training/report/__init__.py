"""What all reports are made of: tables, pictures, sections, and how they become Markdown and HTML."""
