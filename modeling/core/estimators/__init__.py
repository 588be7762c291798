"""What learns from a table, in the grammar of scikit-learn."""
