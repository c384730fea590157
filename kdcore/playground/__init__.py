"""The playground: points of the plane, and three networks filmed while they learn them."""
