"""What a terminal shows: lines, tables, a live display."""
