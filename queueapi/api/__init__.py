"""JSON in and out: what the endpoints of all apps share."""
