"""What keeps the program honest: mark and reader, consent, encrypted gallery, provenance, badge, guard."""
