"""Terminal output: lines, tables, a live display."""
