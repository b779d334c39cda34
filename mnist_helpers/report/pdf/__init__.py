"""Executed notebooks as one PDF: what the cells give, piece by piece, typeset by pandoc and Typst."""
