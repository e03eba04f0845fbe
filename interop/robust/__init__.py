"""Programs that show over the wire what a running server withstands."""
