"""wsgi.input by itself, fed by hand: whole, in single bytes, in any pieces, and beyond its end."""
