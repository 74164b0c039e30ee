"""One module a family of verdict headers; `registry` lists them."""
