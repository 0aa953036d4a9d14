"""leadstream: leads scored while they act."""
