"""What is known of a site from patrol to patrol."""
