"""The page of a sweep: its data as a document, its HTML, and the scripts that draw it.

`sweep report`, `sweep ui` and the function that ends a sweep make the same page of it, so it needs the contract and the
standard library only.
"""
